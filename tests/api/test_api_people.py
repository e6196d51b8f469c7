"""What a person does beside videos, over the API: uploads, the inbox, help."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from notifications.models import NotificationKind
from notifications.services.notify import notify
from support.models import Ticket
from support.services.tickets import reply
from tests.api.answers import API, problem
from tests.factories import make_session, make_user, make_video
from uploads.models import SessionState

pytestmark = pytest.mark.django_db


def test_uploads_show_what_arrived(client: APIClient, user: User) -> None:
    session = make_session(video=make_video(owner=user), length=1000, committed=400)
    row = client.get(f"{API}/uploads").json()["results"][0]
    assert (row["id"], row["video"], row["offset"], row["length"], row["state"]) == (session.public_id, session.video.public_id, 400, 1000, "receiving")
    assert not {"storage_key", "epoch", "lease_owner"} & set(row)


def test_a_new_address_to_go_on_with_an_upload_replaces_the_old_one(client: APIClient, user: User) -> None:
    session = make_session(video=make_video(owner=user))
    first = client.post(f"{API}/uploads/{session.public_id}/token").json()["upload_url"]
    second = client.post(f"{API}/uploads/{session.public_id}/token").json()["upload_url"]
    assert first.startswith("/files/upt_")
    assert first != second
    assert session.tokens.filter(revoked_at=None).count() == 1


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (SessionState.RECEIVED, 409, "UPLOAD_COMPLETE"),
        (SessionState.ACCEPTED, 409, "UPLOAD_COMPLETE"),
        (SessionState.ABORTED, 410, "UPLOAD_CANCELED"),
        (SessionState.EXPIRED, 410, "UPLOAD_EXPIRED"),
    ],
)
def test_an_upload_that_is_over_gets_no_new_address(state: str, status: int, code: str, client: APIClient, user: User) -> None:
    session = make_session(video=make_video(owner=user), state=state, committed=1000)
    problem(client.post(f"{API}/uploads/{session.public_id}/token"), status, code)
    assert not session.tokens.exists()


def test_canceling_an_upload_twice_is_canceling_it_once(client: APIClient, user: User) -> None:
    session = make_session(video=make_video(owner=user), storage_key="upl_key_1234")
    assert client.delete(f"{API}/uploads/{session.public_id}").status_code == 204
    assert client.delete(f"{API}/uploads/{session.public_id}").status_code == 204
    session.refresh_from_db()
    assert session.state == SessionState.ABORTED
    expired = make_session(video=make_video(owner=user), state=SessionState.EXPIRED)
    problem(client.delete(f"{API}/uploads/{expired.public_id}"), 410, "UPLOAD_EXPIRED")


def test_the_inbox_is_read_one_by_one_or_all_at_once(client: APIClient, user: User) -> None:
    for number in range(3):
        notify(user=user, kind=NotificationKind.READY, key=str(number), title="Ready", video=make_video(owner=user))
    row = client.get(f"{API}/notifications").json()["results"][0]
    assert row["video"].startswith("vid_")
    assert client.get(f"{API}/notifications/unread").json() == {"unread": 3}
    assert client.post(f"{API}/notifications/{row['id']}/read").json()["read_at"] is not None
    assert client.get(f"{API}/notifications/unread").json() == {"unread": 2}
    assert client.post(f"{API}/notifications/read-all").json() == {"unread": 0}
    assert client.get(f"{API}/notifications/unread").json() == {"unread": 0}


def test_help_is_asked_for_and_answered(client: APIClient, user: User) -> None:
    video = make_video(owner=user)
    answer = client.post(f"{API}/tickets", {"body": "No sound", "video": video.public_id, "error_code": "UPLOAD_NO_TRACKS"})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert answer["Location"] == f"{API}/tickets/{body['id']}"
    assert (body["state"], body["video"], body["subject"]) == ("open", video.public_id, "There is no picture and no sound in this file")
    reply(Ticket.objects.get(), author=make_user(staff=True), body="Try this")
    written = client.post(f"{API}/tickets/{body['id']}/reply", {"body": "It works"})
    assert written.status_code == 201
    assert [(message["author"], message["body"]) for message in written.json()["messages"]] == [("you", "No sound"), ("us", "Try this"), ("you", "It works")]
    assert "stderr_tail" not in client.get(answer["Location"]).content.decode(), "what the engines said is for support, not for here"
    assert client.post(f"{API}/tickets", {"body": "again", "video": video.public_id, "error_code": "UPLOAD_NO_TRACKS"}).json()["id"] == body["id"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "/body"),
        ({"body": ""}, "/body"),
        ({"body": "x" * 10_001}, "/body"),
        ({"body": "a\x00b"}, "/body"),
        ({"body": "x", "video": "vid_nobody"}, "/video"),
        ({"body": "x", "error_code": "NO_SUCH_CODE"}, "/error_code"),
        ({"body": "x", "subject": "x" * 201}, "/subject"),
    ],
)
def test_a_request_for_help_we_cannot_use_writes_nothing(given: dict[str, str], pointer: str, client: APIClient) -> None:
    body = problem(client.post(f"{API}/tickets", given), 400, "REQUEST_INVALID")
    assert [fault["pointer"] for fault in body["errors"]] == [pointer]
    assert not Ticket.objects.exists()


def test_a_video_of_somebody_else_cannot_be_named_in_a_ticket(client: APIClient) -> None:
    body = problem(client.post(f"{API}/tickets", {"body": "x", "video": make_video().public_id}), 400, "REQUEST_INVALID")
    assert body["errors"][0]["pointer"] == "/video"


def test_guides_and_problems_are_open_to_everybody() -> None:
    anybody = APIClient()
    guides = anybody.get(f"{API}/guides").json()
    assert {"upload-keeps-stopping", "file-refused"} <= {found["slug"] for found in guides}
    assert "<h2>" in anybody.get(f"{API}/guides/file-refused").json()["html"]
    problem(anybody.get(f"{API}/guides/nothing"), 404, "NOT_FOUND")
    problems = {found["code"]: found for found in anybody.get(f"{API}/problems").json()}
    assert problems["UPLOAD_TOO_LARGE"]["status"] == 413
    one = anybody.get(f"{API}/problems/upload-too-large").json()
    assert one == problems["UPLOAD_TOO_LARGE"]
    assert "<size_text>" in one["what_happened"]
    problem(anybody.get(f"{API}/problems/nothing"), 404, "NOT_FOUND")
