from __future__ import annotations

import pytest
from django.test import Client, override_settings

from support.models import Ticket
from support.services.tickets import open_ticket
from tests.factories import make_user
from uploads.models import VideoState

from .pages import video_in


def test_the_form_is_filled_in_and_shows_what_is_sent_along(client: Client, anna) -> None:
    video = video_in(VideoState.NEEDS_NEW_FILE, anna)
    html = client.get(f"/tickets/new/?video={video.public_id}&code=UPLOAD_TRUNCATED").content.decode()
    assert 'value="The end of this file is missing: in needs_new_file"' in html
    assert video.public_id in html[html.index('<pre class="data">') :]
    assert "/help/file-refused/" in html


def test_asking_makes_a_ticket_and_asking_again_goes_on_with_it(client: Client, anna) -> None:
    video = video_in(VideoState.FAILED, anna)
    form = {"subject": "It stopped", "body": "What now?", "video": video.public_id, "code": "ENCODING_GAVE_UP"}
    answer = client.post("/tickets/new/", form, follow=True)
    ticket = Ticket.objects.get()
    assert answer.redirect_chain == [(f"/tickets/{ticket.public_id}/", 302)]
    assert (ticket.video, ticket.error_code, ticket.snapshots.count()) == (video, "ENCODING_GAVE_UP", 1)
    assert b"the same ticket" in client.get(f"/tickets/new/?video={video.public_id}&code=ENCODING_GAVE_UP").content
    client.post("/tickets/new/", form | {"body": "Still"})
    assert Ticket.objects.count() == 1
    assert ticket.messages.count() == 2


def test_a_made_up_code_is_left_out(client: Client) -> None:
    client.post("/tickets/new/", {"subject": "a", "body": "b", "code": "NO_SUCH_CODE"})
    assert Ticket.objects.get().error_code == ""


@pytest.mark.parametrize(("subject", "body"), [("", "b"), ("a", " "), ("x" * 201, "b"), ("a", "b" * 10_001)])
def test_what_is_missing_is_told_beside_the_field(client: Client, subject: str, body: str) -> None:
    answer = client.post("/tickets/new/", {"subject": subject, "body": body})
    assert answer.status_code == 400
    assert b'aria-invalid="true"' in answer.content
    assert not Ticket.objects.exists()


def test_nobody_asks_about_another_persons_video(stranger: Client, anna) -> None:
    video = video_in(VideoState.READY, anna)
    assert stranger.post("/tickets/new/", {"subject": "a", "body": "b", "video": video.public_id}).status_code == 404
    assert not Ticket.objects.exists()


def test_both_sides_are_shown(client: Client, anna) -> None:
    from support.services.tickets import reply

    ticket = open_ticket(owner=anna, subject="No sound", body="I hear nothing")
    reply(ticket, author=make_user(staff=True), body="Try this")
    client.post(f"/tickets/{ticket.public_id}/reply/", {"body": "It works"})
    html = client.get(f"/tickets/{ticket.public_id}/").content.decode()
    assert html.index("I hear nothing") < html.index("Try this") < html.index("It works")
    assert html.count('class="mine"') == 2


def test_an_empty_answer_is_not_sent(client: Client, anna) -> None:
    ticket = open_ticket(owner=anna, subject="No sound", body="I hear nothing")
    assert client.post(f"/tickets/{ticket.public_id}/reply/", {"body": ""}).status_code == 400
    assert ticket.messages.count() == 1


def test_a_closed_ticket_takes_no_more(client: Client, anna) -> None:
    ticket = open_ticket(owner=anna, subject="No sound", body="I hear nothing")
    Ticket.objects.update(state="closed")
    assert b"Open a new one" in client.get(f"/tickets/{ticket.public_id}/").content
    assert b'<li class="warning">' in client.post(f"/tickets/{ticket.public_id}/reply/", {"body": "more"}, follow=True).content
    assert ticket.messages.count() == 1


@override_settings(RATE_LIMITS=True, RATELIMIT_ENABLE=True)
def test_asking_is_limited(client: Client) -> None:
    answers = [client.post("/tickets/new/", {"subject": f"number {number}", "body": "b"}) for number in range(11)]
    assert [answer.status_code for answer in answers[:10]] == [302] * 10
    assert answers[10].status_code == 429
