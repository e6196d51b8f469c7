from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.selectors import PAGE_SIZE
from tests.factories import make_session, make_user, make_video
from uploads.models import SessionState, UploadRole, UploadSession, VideoState

from .pages import Markup, video_in


def queries_of(client: Client, address: str) -> int:
    from django.db import connection

    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_home_asks_the_same_number_of_questions_for_one_video_and_for_twenty(client: Client, anna) -> None:
    video_in(VideoState.READY, anna)
    video_in(VideoState.RECEIVING, anna)
    few = queries_of(client, "/")
    for _ in range(5):
        for state in (VideoState.READY, VideoState.CONVERTING, VideoState.FAILED, VideoState.RECEIVING):
            video_in(state, anna)
    assert queries_of(client, "/") == few <= 12


def test_the_library_shows_only_ones_own(client: Client, anna) -> None:
    make_video(owner=anna, title="mine.mp4", state=VideoState.READY)
    make_video(owner=make_user(), title="theirs.mp4", state=VideoState.READY)
    html = client.get("/").content.decode()
    assert "mine.mp4" in html
    assert "theirs.mp4" not in html


def test_an_unfinished_upload_offers_to_go_on(client: Client, anna) -> None:
    video = video_in(VideoState.RECEIVING, anna)
    session = video.sessions.get()
    html = client.get("/").content.decode()
    assert f'data-session="{session.public_id}"' in html
    assert f'data-fingerprint="{session.fingerprint}"' in html
    assert 'data-length="2000"' in html
    assert 'value="25"' in html  # percent arrived
    assert f"/videos/{video.public_id}/card/" not in html  # it is not in the library too


def test_an_unfinished_recording_can_be_finished_as_it_is(client: Client, anna) -> None:
    """Nobody said how long it is to be, and there is no file to choose."""
    make_session(video=make_video(owner=anna, title="recording.webm", state=VideoState.RECEIVING), length=None, committed=700)
    html = client.get("/").content.decode()
    assert "data-finish-session" in html
    assert 'data-committed="700"' in html
    assert "data-resume" not in html
    assert "unknown size" not in html


def test_what_has_ended_is_not_offered(client: Client, anna) -> None:
    make_session(video=make_video(owner=anna, state=VideoState.CANCELED), state=SessionState.ABORTED)
    make_session(video=make_video(title="other.mp4"), length=10)
    assert "data-session=" not in client.get("/").content.decode()


def test_of_a_file_sent_in_parts_one_line_is_shown_and_never_as_unfinished(client: Client, anna) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    for number in range(4):
        UploadSession.objects.create(owner=anna, role=UploadRole.PART, length=10, committed=number, state=SessionState.RECEIVING, expires_at=tomorrow)
    html = client.get("/").content.decode()
    assert "data-session=" not in html
    assert 'class="card"' not in html
    joined = make_video(owner=anna, title="joined.mp4", state=VideoState.RECEIVING)
    make_session(video=joined, role=UploadRole.JOINED, state=SessionState.CREATING, length=40)
    html = client.get("/").content.decode()
    assert "data-session=" not in html, "there is nothing left to send"
    assert html.count('class="card"') == 1
    assert "joined.mp4" in html


def test_pages_of_a_long_library(client: Client, anna) -> None:
    for number in range(PAGE_SIZE + 1):
        make_video(owner=anna, title=f"number {number}.mp4", state=VideoState.READY)
    first, second = client.get("/").content.decode(), client.get("/?page=2").content.decode()
    assert first.count('class="card"') == PAGE_SIZE
    assert second.count('class="card"') == 1
    assert "number 0.mp4" in second
    assert "?page=2" in Markup(first).links
    assert client.get("/?page=nonsense").status_code == 200


def test_the_limits_reach_the_scripts(client: Client, settings) -> None:
    settings.UPLOAD_MAX_SIZE = 12345
    html = client.get("/").content.decode()
    assert '"maxSize": 12345' in html
    assert '"mp4"' in html
    assert "UPLOAD_TOO_LARGE" in html


def test_anything_is_taken_when_so_set(client: Client, settings) -> None:
    settings.UPLOAD_ACCEPT = "*"
    html = client.get("/").content.decode()
    assert '"endings": []' in html
    assert " accept=" not in html
