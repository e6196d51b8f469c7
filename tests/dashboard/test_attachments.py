"""A ticket's files on its page: who may get them, how they come, and what is said about the ones that were not taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from knox.models import AuthToken

from support.models import Ticket, TicketAttachment
from support.services.tickets import close_ticket, open_ticket
from tests.factories import make_user
from tests.support.attaching import PNG, announce, attached
from uploads.models import UploadSession
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def ticket(anna: User) -> Ticket:
    return open_ticket(owner=anna, subject="No sound", body="Look")


def as_person(user: User) -> Client:
    found = Client()
    found.force_login(user)
    return found


def test_its_owner_saves_it_and_no_browser_shows_it(client: Client, ticket: Ticket) -> None:
    file = attached(ticket, name="näme.png")
    answer = client.get(file.address)
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, PNG)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''n%C3%A4me.png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Content-Length"] == str(len(PNG))
    assert "no-store" in answer["Cache-Control"]
    program = Client().get(file.address, headers={"Authorization": f"Token {AuthToken.objects.create(ticket.owner)[1]}"})
    assert program.status_code == 200


def test_support_may_get_it_and_nobody_else_learns_that_it_is_there(ticket: Ticket, stranger: Client, anonymous: Client) -> None:
    file = attached(ticket)
    agent, clerk = make_user(staff=True), make_user(staff=True)
    agent.user_permissions.add(Permission.objects.get(content_type__app_label="support", codename="view_ticket"))
    assert as_person(agent).get(file.address).status_code == 200
    no_staff = make_user()
    no_staff.user_permissions.add(Permission.objects.get(content_type__app_label="support", codename="view_ticket"))
    for other in (as_person(clerk), as_person(no_staff), stranger, anonymous):
        assert other.get(file.address).status_code == 404


def test_a_file_of_another_ticket_is_not_found_under_this_one(client: Client, anna: User, ticket: Ticket) -> None:
    file = attached(ticket)
    other = open_ticket(owner=anna, subject="Another", body="b", error_code="UPLOAD_EMPTY")
    assert client.get(f"/tickets/{other.public_id}/files/{file.upload.public_id}/").status_code == 404


def test_what_was_not_judged_or_not_taken_is_not_given_out(client: Client, ticket: Ticket) -> None:
    announce(ticket, PNG)
    refused = attached(ticket, b"a log\n" * 20_000 + b"\x00", name="a.log")
    for file in TicketAttachment.objects.all():
        assert client.get(file.address).status_code == 404
    page = client.get(f"/tickets/{ticket.public_id}/").content.decode()
    assert "Not taken" in page
    assert "none of the kinds we take" in page
    assert refused.address + "remove/" in page


def test_lost_bytes_are_told_as_gone(client: Client, ticket: Ticket) -> None:
    file = attached(ticket)
    store().delete(file.upload.storage_key)
    assert client.get(file.address).status_code == 410


def test_the_page_has_a_labelled_input_and_what_its_scripts_need(client: Client, ticket: Ticket) -> None:
    page = client.get(f"/tickets/{ticket.public_id}/").content.decode()
    assert '<label for="attach">' in page
    assert 'id="attach" type="file" multiple' in page
    assert f'"ticket": "{ticket.public_id}"' in page
    assert "Attaching a file needs JavaScript" in page
    form = client.get("/tickets/new/").content.decode()
    assert '<label for="attach">' in form
    assert "data-ask" in form


def test_a_closed_ticket_shows_its_files_and_takes_no_more(client: Client, ticket: Ticket) -> None:
    file = attached(ticket)
    close_ticket(ticket)
    page = client.get(f"/tickets/{ticket.public_id}/").content.decode()
    assert file.address in page
    assert 'type="file"' not in page


def test_the_live_part_is_drawn_alone_and_for_its_owner_only(client: Client, stranger: Client, ticket: Ticket) -> None:
    attached(ticket)
    answer = client.get(f"/tickets/{ticket.public_id}/files/")
    html = answer.content.decode()
    assert "PNG picture" in html
    assert 'data-state="ready"' in html
    assert 'type="file"' not in html
    assert stranger.get(f"/tickets/{ticket.public_id}/files/").status_code == 404


def test_its_owner_takes_a_file_off_and_nobody_else_does(client: Client, stranger: Client, ticket: Ticket) -> None:
    file = attached(ticket)
    address = f"{file.address}remove/"
    assert stranger.post(address).status_code == 404
    assert client.get(address).status_code == 405
    answer = client.post(address, follow=True)
    assert b"is removed" in answer.content
    assert not TicketAttachment.objects.exists()
    assert client.get(file.address).status_code == 404
    assert b"not here any more" in client.post(address, follow=True).content


def test_programs_see_go_on_with_and_remove_files(ticket: Ticket) -> None:
    done, begun = attached(ticket), announce(ticket, PNG)
    program = Client(headers={"Authorization": f"Token {AuthToken.objects.create(ticket.owner)[1]}"})
    own = f"/api/v1/tickets/{ticket.public_id}"
    first, second = program.get(f"{own}/attachments").json()
    assert (first["state"], first["kind"], first["download"], first["sha256"]) == ("attached", "PNG picture", done.address, done.upload.sha256)
    assert (second["state"], second["offset"], second["length"], second["download"]) == ("arriving", 0, len(PNG), None)
    assert [file["id"] for file in program.get(own).json()["attachments"]] == [first["id"], second["id"]]
    fresh = program.post(f"{own}/attachments/{second['id']}/token").json()["upload_url"]
    assert fresh.startswith("/files/upt_")
    assert fresh != begun.headers["location"]
    assert program.post(f"{own}/attachments/{first['id']}/token").json()["code"] == "UPLOAD_COMPLETE"
    other = Client(headers={"Authorization": f"Token {AuthToken.objects.create(make_user())[1]}"})
    for path in (f"{own}/attachments", f"{own}/attachments/{first['id']}/token"):
        assert (other.get(path) if path.endswith("attachments") else other.post(path)).status_code == 404
    assert other.delete(f"{own}/attachments/{first['id']}").status_code == 404
    assert program.delete(f"{own}/attachments/{first['id']}").status_code == 204
    assert UploadSession.objects.get(public_id=first["id"]).state == "aborted"


def test_the_console_lists_them_in_few_queries(ticket: Ticket, django_assert_max_num_queries: Any) -> None:
    for number in range(4):
        attached(ticket, name=f"{number}.png")
    admin = as_person(make_user(superuser=True))
    with django_assert_max_num_queries(20):
        page = admin.get(f"/admin/support/ticket/{ticket.pk}/change/").content.decode()
    assert page.count('aria-label="Save ') == 4
    assert TicketAttachment.objects.all()[0].upload.sha256 in page
