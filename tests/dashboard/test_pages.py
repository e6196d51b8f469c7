"""Every page renders, for those it is for, empty and full; nothing in it needs more than our own origin."""

from __future__ import annotations

import pytest
from django.test import Client

from notifications.models import Notification
from resilience.errors import CATALOGUE, Entry
from support.guide_library import all_guides
from support.services.tickets import open_ticket
from tests.factories import make_user
from uploads.models import Video, VideoState

from .pages import Markup, video_in

OPEN_TO_ALL = [
    "/", "/help/", "/help/?q=sound", "/help/?q=zzzz", "/robots.txt",
    "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/reset/done/",
]  # fmt: skip
SIGNED_IN = ["/", "/inbox/", "/tickets/", "/tickets/new/", "/account/", "/accounts/email/", "/accounts/password/change/", "/accounts/logout/"]


def check_page(answer) -> Markup:
    """A page in good order: found, no inline script or style, every label and description points at something there once."""
    html = answer.content.decode()
    markup = Markup(html)
    assert answer.status_code == 200
    assert markup.inline == []
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert len(markup.ids) == len(set(markup.ids))
    assert set(markup.references) <= set(markup.ids)
    return markup


@pytest.mark.django_db
@pytest.mark.parametrize("address", OPEN_TO_ALL)
def test_pages_open_to_all(anonymous: Client, address: str) -> None:
    check_page(anonymous.get(address))


@pytest.mark.parametrize("address", SIGNED_IN)
def test_pages_of_somebody_with_nothing_yet(client: Client, address: str) -> None:
    check_page(client.get(address))


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in SIGNED_IN[1:] if address != "/accounts/logout/"])
def test_personal_pages_ask_to_sign_in(anonymous: Client, address: str) -> None:
    answer = anonymous.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.parametrize("state", VideoState.values)
@pytest.mark.parametrize("part", ["", "parts/", "status/", "card/", "delete/"])
def test_a_video_in_every_state(client: Client, anna, state: str, part: str) -> None:
    video = video_in(state, anna)
    answer = client.get(f"/videos/{video.public_id}/{part}")
    check_page(answer)
    assert b"in " + state.encode() in answer.content


@pytest.mark.parametrize("state", VideoState.values)
def test_the_page_tells_the_story_and_the_state_in_words(client: Client, anna, state: str) -> None:
    video = video_in(state, anna)
    html = client.get(f"/videos/{video.public_id}/").content.decode()
    assert f"It came to {state}" in html
    assert video.get_state_display() not in ("", None)
    assert ("data-play=" in html) == (state == VideoState.READY)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.code) for entry in CATALOGUE if not entry.code.startswith("TEST")])
def test_every_error_makes_a_card_with_one_primary_action(client: Client, anna, entry: Entry) -> None:
    video = video_in(VideoState.FAILED, anna)
    Video.objects.filter(pk=video.pk).update(error_code=entry.code, error_fields={})
    html = client.get(f"/videos/{video.public_id}/").content.decode()
    card = html[html.index('class="error-card') : html.index('<section id="replace"')]
    assert entry.code in card
    assert card.count('class="button primary"') <= 1
    assert f"/tickets/new/?video={video.public_id}&amp;code={entry.code}" in card
    assert "{" not in card


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.code) for entry in CATALOGUE])
@pytest.mark.django_db
def test_every_problem_has_a_page(anonymous: Client, entry: Entry) -> None:
    markup = check_page(anonymous.get(f"/problems/{entry.slug}/"))
    assert not entry.guide or f"/help/{entry.guide}/" in markup.links


@pytest.mark.django_db
def test_every_guide_has_a_page_and_leads_to_a_person(anonymous: Client) -> None:
    assert {found.slug for found in all_guides()} >= {"upload-keeps-stopping", "file-refused", "conversion-failed", "no-sound-or-picture"}
    for found in all_guides():
        assert "/tickets/new/" in check_page(anonymous.get(f"/help/{found.slug}/")).links


@pytest.mark.parametrize("address", ["/help/no-such-guide/", "/problems/no-such-problem/", "/videos/vid_nothing/", "/tickets/tkt_nothing/", "/nowhere"])
def test_what_is_not_there_is_a_readable_404(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.headers["X-Request-ID"] in answer.content.decode()
    assert Markup(answer.content.decode()).inline == []


def test_a_full_house(client: Client, anna) -> None:
    videos = [video_in(state, anna) for state in VideoState.values]
    Notification.objects.create(user=anna, kind="ready", key="a", title="It is ready", body="Look", link=f"/videos/{videos[0].public_id}/", video=videos[0])
    ticket = open_ticket(owner=anna, subject="Why <b>?", body="<script>alert(1)</script>", video=videos[0])
    for address in ("/", "/inbox/", "/tickets/", f"/tickets/{ticket.public_id}/", f"/tickets/new/?video={videos[0].public_id}&code=UPLOAD_TRUNCATED"):
        check_page(client.get(address))
    assert b"&lt;script&gt;alert(1)" in client.get(f"/tickets/{ticket.public_id}/").content


def test_what_somebody_typed_is_shown_and_never_run(client: Client, anna) -> None:
    video = video_in(VideoState.READY, anna)
    Video.objects.filter(pk=video.pk).update(title='"><script>alert(1)</script>')
    for address in ("/", f"/videos/{video.public_id}/", f"/videos/{video.public_id}/delete/", f"/tickets/new/?video={video.public_id}"):
        answer = client.get(address)
        assert b"<script>alert" not in answer.content
        check_page(answer)


def test_the_badge_counts_what_is_not_read(client: Client, anna) -> None:
    Notification.objects.create(user=anna, kind="ready", key="a", title="One")
    Notification.objects.create(user=make_user(), kind="ready", key="b", title="Somebody else's")
    assert b"data-unread-count>1<" in client.get("/help/").content


@pytest.mark.django_db
def test_the_browser_finds_the_icon(anonymous: Client) -> None:
    assert anonymous.get("/favicon.ico").headers["Location"].endswith("img/favicon.svg")
