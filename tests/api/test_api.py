"""The API as programs use it: who may, what they see, what fails how."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from notifications.models import NotificationKind
from notifications.services.events import record
from notifications.services.notify import notify
from processing.models import Attempt, AttemptState, JobState, Publication, Rendition, RenditionState
from resilience.models import Task
from support.models import Ticket
from support.services.tickets import open_ticket
from tests.api.answers import API, problem
from tests.api.server import token_of
from tests.factories import make_job, make_session, make_video
from uploads.models import UploadSession, Video, VideoState

pytestmark = pytest.mark.django_db


LISTS = ["videos", "uploads", "jobs", "notifications", "tickets"]


@pytest.mark.parametrize("name", [*LISTS, "notifications/unread", "videos/vid_1", "uploads/upl_1", "jobs/job_1", "tickets/tkt_1", "events"])
def test_nobody_gets_in_without_a_session_or_a_token(name: str) -> None:
    problem(APIClient().get(f"{API}/{name}"), 401, "AUTH_REQUIRED")
    answer = APIClient().get(f"{API}/{name}", HTTP_AUTHORIZATION="Token nonsense")
    problem(answer, 401, "AUTH_REQUIRED")
    assert answer["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("name", LISTS)
def test_a_token_is_as_good_as_a_session(name: str, user: User) -> None:
    assert APIClient().get(f"{API}/{name}", HTTP_AUTHORIZATION=f"Token {token_of(user)}").json() == {"next": None, "previous": None, "results": []}


def test_a_session_needs_the_csrf_token_to_change_anything(user: User) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(user)
    problem(browser.post(f"{API}/tickets", {"body": "help"}), 403, "AUTH_FORBIDDEN")
    assert not Ticket.objects.exists()


def test_what_belongs_to_somebody_else_is_not_there(client: APIClient) -> None:
    job = make_job()
    told = notify(user=job.video.owner, kind=NotificationKind.READY, key="k", title="Ready")
    ticket = open_ticket(owner=job.video.owner, subject="s", body="a")
    assert told is not None
    addresses = {
        "get": [f"videos/{job.video.public_id}", f"uploads/{job.source.public_id}", f"jobs/{job.public_id}", f"tickets/{ticket.public_id}"],
        "delete": [f"videos/{job.video.public_id}", f"uploads/{job.source.public_id}"],
        "patch": [f"videos/{job.video.public_id}"],
        "post": [
            f"videos/{job.video.public_id}/retry", f"videos/{job.video.public_id}/cancel", f"uploads/{job.source.public_id}/token",
            f"notifications/{told.public_id}/read", f"tickets/{ticket.public_id}/reply",
        ],
    }  # fmt: skip
    for method, names in addresses.items():
        for name in names:
            problem(getattr(client, method)(f"{API}/{name}", {"body": "x", "title": "x"}, headers={"If-Match": "*"}), 404, "NOT_FOUND")
    for name in LISTS:
        assert client.get(f"{API}/{name}").json()["results"] == []
    job.video.refresh_from_db()
    assert job.video.title == "holiday.mp4"
    assert ticket.messages.count() == 1


@pytest.mark.parametrize("name", ["videos/1", "videos/VID_X", "videos/vid_1%00", "uploads/..%2f", "nothing", "jobs/job_!"])
def test_an_address_that_is_none_is_a_plain_404(client: APIClient, name: str) -> None:
    problem(client.get(f"{API}/{name}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["videos", "jobs", "notifications", "tickets", "uploads"])
def test_every_page_of_a_list_shows_each_row_once_newest_first(name: str, client: APIClient, user: User) -> None:
    make = {
        "videos": lambda number: make_video(owner=user).public_id,
        "jobs": lambda number: make_job(video=make_video(owner=user)).public_id,
        "uploads": lambda number: make_session(video=make_video(owner=user)).public_id,
        "tickets": lambda number: open_ticket(owner=user, subject="s", body="a", video=make_video(owner=user)).public_id,
        "notifications": lambda number: getattr(notify(user=user, kind=NotificationKind.READY, key=str(number), title="Ready"), "public_id", ""),
    }[name]
    made = [make(number) for number in range(7)]  # all in one transaction: all at the same time
    seen: list[str] = []
    address = f"{API}/{name}?limit=3"
    pages = 0
    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
        pages += 1
    assert pages == 3
    assert seen == made[::-1]


def test_a_cursor_somebody_made_up_is_refused(client: APIClient) -> None:
    problem(client.get(f"{API}/videos?cursor=nonsense"), 404, "NOT_FOUND")


def test_videos_can_be_filtered_by_state(client: APIClient, user: User) -> None:
    ready = make_video(owner=user, state=VideoState.READY)
    make_video(owner=user, state=VideoState.FAILED)
    assert [row["id"] for row in client.get(f"{API}/videos?state=ready").json()["results"]] == [ready.public_id]
    assert len(client.get(f"{API}/videos?state=ready&state=failed").json()["results"]) == 2
    body = problem(client.get(f"{API}/videos?state=lost"), 400, "REQUEST_INVALID")
    assert body["errors"][0]["pointer"] == "/state"


def published_video(user: User) -> Video:
    video = make_video(owner=user, state=VideoState.READY)
    job = make_job(video=video, state=JobState.READY)
    Rendition.objects.create(job=job, rung="720p", state=RenditionState.READY, height=720, bitrate=3_000_000, ready_at=timezone.now())
    Rendition.objects.create(job=job, rung="360p", state=RenditionState.READY, height=360, bitrate=800_000, ready_at=timezone.now())
    Rendition.objects.create(job=job, rung="1080p", height=1080)
    Publication.objects.create(video=video, job=job, playlist=f"{video.public_id}/{job.public_id}/main.m3u8", complete=True)
    record(user=user, kind="video.changed", video=video, sentence="Ready")
    return video


def test_a_video_shows_what_can_be_played_and_its_story(client: APIClient, user: User) -> None:
    video = published_video(user)
    body = client.get(f"{API}/videos/{video.public_id}").json()
    assert body["id"] == video.public_id
    assert [rendition["rung"] for rendition in body["renditions"]] == ["360p", "720p"]
    assert f"/media/{video.public_id}/{body['job']['id']}/main.m3u8?token=" in body["playlist_url"]
    assert body["poster_url"] is None
    assert body["error"] is None
    assert [event["sentence"] for event in body["timeline"]] == ["Ready"]
    assert not {"pk", "owner"} & set(body)


def test_a_video_that_needs_something_says_what(client: APIClient, user: User) -> None:
    video = make_video(owner=user, state=VideoState.NEEDS_NEW_FILE, error_code="UPLOAD_IS_TEXT", error_fields={"name": "x.mp4"})
    error = client.get(f"{API}/videos/{video.public_id}").json()["error"]
    assert (error["code"], error["title"], error["guide"]) == ("UPLOAD_IS_TEXT", "This is a text file, not a video", "file-refused")
    assert "x.mp4" in error["what_happened"]
    by_target = {action["target"]: action["href"] for action in error["actions"]}
    assert by_target["ask_for_help"] == f"/tickets/new/?video={video.public_id}"
    assert by_target["replace_file"] == f"/videos/{video.public_id}/"


@pytest.mark.parametrize("kind", ["videos", "uploads", "jobs", "tickets"])
def test_what_the_caller_has_already_is_not_sent_again(kind: str, client: APIClient, user: User) -> None:
    job = make_job(video=make_video(owner=user))
    ticket = open_ticket(owner=user, subject="s", body="a")
    name = {"videos": job.video.public_id, "uploads": job.source.public_id, "jobs": job.public_id, "tickets": ticket.public_id}[kind]
    first = client.get(f"{API}/{kind}/{name}")
    assert first["ETag"].startswith('"')
    again = client.get(f"{API}/{kind}/{name}", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert client.get(f"{API}/{kind}/{name}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_progress_changes_what_a_poll_sees_but_not_the_version_of_a_change(client: APIClient, user: User) -> None:
    video = make_video(owner=user, state=VideoState.CONVERTING)
    job = make_job(video=video, state=JobState.RUNNING)
    before = client.get(f"{API}/videos/{video.public_id}")
    job.percent = 50
    job.save()
    after = client.get(f"{API}/videos/{video.public_id}", headers={"If-None-Match": before["ETag"]})
    assert after.status_code == 200
    assert after.json()["job"]["percent"] == 50
    renamed = client.patch(f"{API}/videos/{video.public_id}", {"title": "Better"}, headers={"If-Match": before["ETag"]})
    assert renamed.status_code == 200


def test_a_title_is_changed_only_over_the_version_that_was_read(client: APIClient, user: User) -> None:
    video = make_video(owner=user)
    address = f"{API}/videos/{video.public_id}"
    problem(client.patch(address, {"title": "A"}), 428, "VERSION_REQUIRED")
    etag = client.get(address)["ETag"]
    changed = client.patch(address, {"title": "A"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["title"] == "A"
    refused = problem(client.patch(address, {"title": "B"}, headers={"If-Match": etag}), 412, "VERSION_MISMATCH")
    assert (refused["current"], refused["yours"]) == ({"title": "A", "version": 1}, {"title": "B"})
    problem(client.patch(address, {"title": "B"}, headers={"If-Match": "W/" + etag}), 412, "VERSION_MISMATCH")
    problem(client.patch(address, {"title": "B"}, headers={"If-Match": '"x"'}), 412, "VERSION_MISMATCH")
    assert client.patch(address, {"title": "B"}, headers={"If-Match": changed["ETag"]}).json()["title"] == "B"
    assert client.patch(address, {"title": "C"}, headers={"If-Match": "*"}).json()["title"] == "C"


@pytest.mark.parametrize("title", ["", "   ", "x" * 201, "a\x00b", None, ["x"]])
def test_a_title_we_cannot_use_is_refused_and_nothing_changes(title: Any, client: APIClient, user: User) -> None:
    video = make_video(owner=user)
    body = problem(client.patch(f"{API}/videos/{video.public_id}", {"title": title}, headers={"If-Match": "*"}), 400, "REQUEST_INVALID")
    assert [fault["pointer"] for fault in body["errors"]] == ["/title"]
    video.refresh_from_db()
    assert (video.title, video.version) == ("holiday.mp4", 0)


def test_what_is_not_json_is_refused(client: APIClient) -> None:
    problem(client.post(f"{API}/tickets", "{", content_type="application/json"), 400, "REQUEST_MALFORMED")
    problem(client.post(f"{API}/tickets", "<x/>", content_type="text/xml"), 415, "REQUEST_TYPE_UNSUPPORTED")
    problem(client.put(f"{API}/tickets", {}), 405, "METHOD_NOT_ALLOWED")
    problem(client.get(f"{API}/videos", headers={"Accept": "text/csv"}), 406, "NOT_ACCEPTABLE")
    problem(client.post(f"{API}/events"), 405, "METHOD_NOT_ALLOWED")


def test_deleting_a_video_takes_everything_with_it(client: APIClient, user: User) -> None:
    video = published_video(user)
    assert client.delete(f"{API}/videos/{video.public_id}").status_code == 204
    assert not Video.objects.exists()
    assert not UploadSession.objects.exists()
    problem(client.get(f"{API}/videos/{video.public_id}"), 404, "NOT_FOUND")


def test_trying_again_answers_with_the_job_to_watch(client: APIClient, user: User) -> None:
    video = make_video(owner=user, state=VideoState.FAILED)
    dead = make_job(video=video, state=JobState.DEAD, finished_at=timezone.now())
    answer = client.post(f"{API}/videos/{video.public_id}/retry")
    assert answer.status_code == 202, answer.content
    fresh = answer.json()
    assert answer["Location"] == f"{API}/jobs/{fresh['id']}"
    assert client.get(answer["Location"]).json()["state"] == "queued"
    assert fresh["id"] != dead.public_id
    assert Task.objects.filter(kind="processing.submit").count() == 1
    video.refresh_from_db()
    assert video.state == VideoState.CONVERTING


def test_what_cannot_be_tried_again_or_canceled_says_why(client: APIClient, user: User) -> None:
    video = make_video(owner=user)
    problem(client.post(f"{API}/videos/{video.public_id}/retry"), 404, "NOT_FOUND")
    make_job(video=video, state=JobState.READY)
    problem(client.post(f"{API}/videos/{video.public_id}/retry"), 409, "JOB_ALREADY_ENDED")
    problem(client.post(f"{API}/videos/{video.public_id}/cancel"), 409, "JOB_ALREADY_ENDED")


def test_canceling_stops_the_job(client: APIClient, user: User) -> None:
    job = make_job(video=make_video(owner=user, state=VideoState.CONVERTING))
    answer = client.post(f"{API}/videos/{job.video.public_id}/cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "canceled"
    assert answer["Location"] == f"{API}/jobs/{job.public_id}"


def test_a_job_shows_its_attempts_without_the_engines_own_words(client: APIClient, user: User) -> None:
    job = make_job(video=make_video(owner=user))
    Attempt.objects.create(
        job=job, number=1, engine="local", state=AttemptState.FAILED, percent=40, error_code="ENCODING_STALLED", error_raw="/srv/secret: av_interleaved -22"
    )
    Attempt.objects.create(job=job, number=2, engine="local", state=AttemptState.PROGRESSING)
    answer = client.get(f"{API}/jobs/{job.public_id}")
    first, second = answer.json()["attempts"]
    assert (first["number"], first["engine"], first["state"], first["percent"]) == (1, "local", "failed", 40)
    assert first["error"]["title"] == "The conversion stood still"
    assert second["error"] is None
    assert b"/srv/secret" not in answer.content
    assert "error_raw" not in answer.content.decode()


def test_jobs_can_be_filtered_by_video(client: APIClient, user: User) -> None:
    one = make_job(video=make_video(owner=user))
    make_job(video=make_video(owner=user))
    assert [row["id"] for row in client.get(f"{API}/jobs?video={one.video.public_id}").json()["results"]] == [one.public_id]
