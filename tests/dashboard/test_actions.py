"""What a person can do: only with their own, only by POST, only from our own pages."""

from __future__ import annotations

import pytest
from django.test import Client

from notifications.models import Notification
from processing.models import Job, JobState
from support.models import Ticket
from support.services.tickets import open_ticket
from tests.factories import make_session, make_user, make_video
from uploads.models import SessionState, Video, VideoState

from .pages import video_in

ACTIONS = [
    *(f"/videos/{{video}}/{action}/" for action in ("rename", "retry", "cancel", "delete")),
    "/uploads/{session}/discard/",
    "/tickets/{ticket}/reply/",
    "/inbox/{notification}/read/",
]
SIGHTS = [*(f"/videos/{{video}}/{part}" for part in ("", "parts/", "status/", "card/")), "/tickets/{ticket}/", "/tickets/new/?video={video}"]
ELSEWHERE = ["/inbox/read-all/", "/account/tokens/", "/account/tokens/abcdefgh/revoke/", "/tickets/new/", "/accounts/logout/"]
FORM = {"title": "new", "body": "words", "subject": "words"}


@pytest.fixture
def things(anna) -> dict[str, str]:
    video = video_in(VideoState.CONVERTING, anna)
    session = make_session(video=make_video(owner=anna))
    ticket = open_ticket(owner=anna, subject="help", body="please", video=video)
    notification = Notification.objects.create(user=anna, kind="ready", key="k", title="told")
    return {"video": video.public_id, "session": session.public_id, "ticket": ticket.public_id, "notification": notification.public_id}


@pytest.mark.parametrize("address", ACTIONS)
def test_a_stranger_finds_nothing_to_act_on(stranger: Client, things, address: str) -> None:
    assert stranger.post(address.format(**things), FORM).status_code == 404
    assert Video.objects.get(public_id=things["video"]).title == "in converting"
    assert Job.objects.get().state == JobState.RUNNING


@pytest.mark.parametrize("address", SIGHTS)
def test_a_stranger_sees_nothing(stranger: Client, things, address: str) -> None:
    assert stranger.get(address.format(**things)).status_code == 404


@pytest.mark.parametrize("address", ACTIONS + ELSEWHERE)
def test_a_form_of_another_site_does_nothing(anna, things, address: str) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    browser.force_login(anna)
    answer = browser.post(address.format(**things), FORM)
    assert answer.status_code == 403
    assert b"AUTH_FORM_EXPIRED" in answer.content
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("address", [address for address in ACTIONS if "delete" not in address] + ["/inbox/read-all/", "/account/tokens/"])
def test_looking_changes_nothing(client: Client, things, address: str) -> None:
    assert client.get(address.format(**things)).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("address", ACTIONS)
def test_nobody_signed_out_acts(anonymous: Client, address: str) -> None:
    answer = anonymous.post(address.format(video="v", session="s", ticket="t", notification="n"))
    assert answer.headers["Location"].startswith("/accounts/login/")


def test_a_title_is_changed(client: Client, things) -> None:
    answer = client.post(f"/videos/{things['video']}/rename/", {"title": "  The harbour ", "seen": "in converting"}, follow=True)
    assert Video.objects.get(public_id=things["video"]).title == "The harbour"
    assert b"The title is changed." in answer.content


@pytest.mark.parametrize("title", ["", "x" * 201])
def test_a_title_that_cannot_be_is_told_beside_the_field(client: Client, things, title: str) -> None:
    answer = client.post(f"/videos/{things['video']}/rename/", {"title": title, "seen": "in converting"})
    assert answer.status_code == 400
    assert b'id="id_title_errors"' in answer.content
    assert Video.objects.get(public_id=things["video"]).title == "in converting"


def test_a_conversion_is_stopped_and_tried_again(client: Client, things) -> None:
    client.post(f"/videos/{things['video']}/cancel/")
    assert Job.objects.get().state == JobState.CANCELED
    client.post(f"/videos/{things['video']}/retry/")
    assert Job.objects.filter(state=JobState.QUEUED).count() == 1


def test_what_cannot_be_retried_says_so_on_the_page(client: Client, anna) -> None:
    video = video_in(VideoState.READY, anna)
    answer = client.post(f"/videos/{video.public_id}/retry/", follow=True)
    assert answer.status_code == 200
    assert b'<li class="warning">' in answer.content


def test_a_video_without_a_conversion_says_so(client: Client, anna) -> None:
    video = video_in(VideoState.CHECKING, anna)
    answer = client.post(f"/videos/{video.public_id}/retry/", follow=True)
    assert b"There is no conversion to act on" in answer.content


def test_deleting_asks_first(client: Client, anna) -> None:
    video = video_in(VideoState.CANCELED, anna)
    assert b"Delete for good" in client.get(f"/videos/{video.public_id}/delete/").content
    assert Video.objects.filter(pk=video.pk).exists()
    answer = client.post(f"/videos/{video.public_id}/delete/", follow=True)
    assert not Video.objects.filter(pk=video.pk).exists()
    assert answer.redirect_chain == [("/", 302)]


def test_a_video_with_versions_can_be_deleted(client: Client, anna) -> None:
    video = video_in(VideoState.READY, anna)
    client.post(f"/videos/{video.public_id}/delete/")
    assert not Video.objects.filter(pk=video.pk).exists()


def test_an_unfinished_upload_is_discarded_once(client: Client, anna) -> None:
    session = make_session(video=make_video(owner=anna), storage_key="made_up_key")
    assert b"is discarded" in client.post(f"/uploads/{session.public_id}/discard/", follow=True).content
    session.refresh_from_db()
    assert session.state == SessionState.ABORTED
    assert b"had already ended" in client.post(f"/uploads/{session.public_id}/discard/", follow=True).content


def test_reading_the_inbox(client: Client, anna) -> None:
    first = Notification.objects.create(user=anna, kind="ready", key="a", title="one", link="/help/")
    second = Notification.objects.create(user=anna, kind="ready", key="b", title="two")
    assert client.post(f"/inbox/{first.public_id}/read/", {"follow": "1"}).headers["Location"] == "/help/"
    assert client.post(f"/inbox/{second.public_id}/read/").headers["Location"] == "/inbox/"
    assert Notification.objects.filter(read_at=None).count() == 0


def test_a_notification_leads_nowhere_else(client: Client, anna) -> None:
    told = Notification.objects.create(user=anna, kind="ready", key="a", title="one", link="//evil.example/")
    assert client.post(f"/inbox/{told.public_id}/read/", {"follow": "1"}).headers["Location"] == "/inbox/"


def test_all_are_read_and_nobody_elses(client: Client, anna) -> None:
    for key in "abc":
        Notification.objects.create(user=anna, kind="ready", key=key, title=key)
    theirs = Notification.objects.create(user=make_user(), kind="ready", key="a", title="a")
    client.post("/inbox/read-all/")
    assert list(Notification.objects.filter(read_at=None)) == [theirs]
