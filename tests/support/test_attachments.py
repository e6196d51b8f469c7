"""Files of tickets, sent over the same endpoint as videos and kept under a policy of their own: on disk and in S3."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from django.test import Client
from knox.models import AuthToken

from notifications.models import Event, Notification
from resilience.models import Task
from support.models import AttachmentState, TicketAttachment, TicketState
from support.services import attachments as files
from support.services.tickets import close_ticket, open_ticket, reply, solve_ticket
from tests.factories import make_user, make_video
from tests.support.attaching import PNG, announce, attached, judge, nothing_stored, post, send
from tests.uploads.client import OFFSET_TYPE, patch, request
from tests.uploads.server import metadata
from uploads.models import UploadRole, UploadSession, Video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stores")]


def test_a_file_is_sent_judged_and_attached() -> None:
    ticket = open_ticket(owner=make_user(), subject="No sound", body="See the picture.")
    reply(ticket, author=make_user(staff=True), body="Please send a picture.")
    attachment = send(ticket)
    assert (attachment.state, attachment.attached_at) == (AttachmentState.CHECKING, None)
    assert judge(attachment.upload).state == "succeeded"
    attachment = TicketAttachment.objects.get(pk=attachment.pk)
    assert (attachment.state, attachment.kind, attachment.attached_at is None) == (AttachmentState.ATTACHED, "PNG picture", False)
    assert attachment.upload.sha256 == hashlib.sha256(PNG).hexdigest()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WAITING_ON_US
    assert Event.objects.filter(kind="ticket.changed", data__file_state="attached").exists()
    assert (attachment.upload.role, Video.objects.count()) == (UploadRole.ATTACHED, 0)


def test_it_comes_back_as_a_file_to_save_and_never_as_a_page() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = announce(ticket, PNG, name='a "quoted" näme.png')
    asyncio.run(patch(made.headers["location"], 0, PNG))
    judge(UploadSession.objects.get(public_id=made.headers["holdfast-upload"]))
    answer = asyncio.run(request("GET", made.headers["location"]))
    assert (answer.status, answer.body) == (200, PNG)
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''a%20%22quoted%22%20n")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_dropped_line_goes_on_where_it_stopped() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = announce(ticket, PNG)
    assert asyncio.run(patch(made.headers["location"], 0, PNG[:700])).offset == 700
    attachment = TicketAttachment.objects.get()
    assert attachment.state == AttachmentState.ARRIVING
    address = f"/files/{files.fresh_address(attachment)}"
    assert asyncio.run(request("HEAD", address)).offset == 700
    assert asyncio.run(patch(address, 700, PNG[700:])).status == 204
    judge(attachment.upload)
    assert TicketAttachment.objects.get().state == AttachmentState.ATTACHED


def test_a_web_page_named_png_is_refused_with_its_first_bytes() -> None:
    page = b"<!DOCTYPE html><script>alert(document.cookie)</script>"
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = announce(ticket, page)
    answer = asyncio.run(patch(made.headers["location"], 0, page))
    assert (answer.status, answer.problem["code"]) == (415, "UPLOAD_ATTACHMENT_HARMFUL")
    assert answer.problem["doc_url"] == "/help/attach-a-file/"
    attachment = TicketAttachment.objects.get()
    assert (attachment.state, attachment.upload.error_code) == (AttachmentState.REFUSED, "UPLOAD_ATTACHMENT_HARMFUL")
    assert nothing_stored()
    told = Notification.objects.get(user=ticket.owner, kind="attachment_refused")
    assert "screen.png is a web page" in told.body


def test_a_page_that_came_with_its_creation_is_refused_in_that_same_request() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    pairs = {"filename": "a.png", "purpose": "attachment", "ticket": ticket.public_id}
    answer = post(ticket.owner, pairs, body=b"<svg onload=alert(1)>", Upload_Length="21", Content_Type=OFFSET_TYPE)
    assert (answer.status, answer.problem["code"]) == (415, "UPLOAD_ATTACHMENT_HARMFUL")
    assert nothing_stored()


def test_text_with_something_else_behind_it_is_refused_when_all_of_it_is_there() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attachment = attached(ticket, b"a log\n" * 20_000 + b"\x00\x01\x02", name="a.log")
    assert (attachment.state, attachment.upload.error_code) == (AttachmentState.REFUSED, "UPLOAD_ATTACHMENT_UNKNOWN")
    assert nothing_stored()


@pytest.mark.parametrize(
    ("name", "size", "status", "code"),
    [
        ("big.png", 26 * 2**20, 413, "UPLOAD_ATTACHMENT_TOO_LARGE"),
        ("empty.png", 0, 422, "UPLOAD_ATTACHMENT_EMPTY"),
        ("page.html", 10, 415, "UPLOAD_ATTACHMENT_TYPE_REFUSED"),
        ("drawing.svg", 10, 415, "UPLOAD_ATTACHMENT_TYPE_REFUSED"),
        ("setup.exe", 10, 415, "UPLOAD_ATTACHMENT_TYPE_REFUSED"),
        ("all.zip", 10, 415, "UPLOAD_ATTACHMENT_TYPE_REFUSED"),
    ],
)
def test_what_is_not_taken_is_refused_before_a_byte_is_sent(name: str, size: int, status: int, code: str) -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    answer = announce(ticket, size, name=name)
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert not UploadSession.objects.exists()
    assert nothing_stored()
    if status == 413:
        assert answer.headers["upload-limit"] == f"max-size={25 * 2**20}"


def test_a_declared_type_that_browsers_run_is_refused() -> None:

    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    pairs = {"filename": "drawing", "filetype": "image/svg+xml", "purpose": "attachment", "ticket": ticket.public_id}
    answer = post(ticket.owner, pairs, Upload_Length="21")
    assert (answer.status, answer.problem["code"]) == (415, "UPLOAD_ATTACHMENT_TYPE_REFUSED")


@pytest.mark.parametrize(
    "headers",
    [{"Upload_Concat": "partial", "Upload_Length": "20"}, {"Upload_Defer_Length": "1"}],
    ids=["in parts", "without its size"],
)
def test_ways_meant_for_large_videos_are_refused_by_name(headers: dict[str, str]) -> None:

    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    answer = post(ticket.owner, {"filename": "a.png", "purpose": "attachment", "ticket": ticket.public_id}, **headers)
    assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_ATTACHMENT_WAY_REFUSED")
    assert not UploadSession.objects.exists()


def test_somebody_elses_ticket_and_one_that_is_not_there_read_the_same() -> None:
    ticket, stranger = open_ticket(owner=make_user(), subject="s", body="b"), make_user()
    for about in (ticket.public_id, "tkt_nothing", "../../etc/passwd"):
        answer = announce(about, PNG, by=stranger)
        assert (answer.status, answer.problem["code"]) == (404, "TICKET_FILE_TICKET_UNKNOWN")
    assert not UploadSession.objects.exists()


def test_an_attachment_of_nothing_is_refused() -> None:

    answer = post(make_user(), {"filename": "a.png", "purpose": "attachment"}, Upload_Length="10")
    assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_METADATA_INVALID")


def test_a_closed_ticket_takes_no_files_and_a_solved_one_lives_again() -> None:
    ticket = solve_ticket(open_ticket(owner=make_user(), subject="s", body="b"))
    attached(ticket)
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WAITING_ON_US
    answer = announce(close_ticket(ticket), PNG)
    assert (answer.status, answer.problem["code"]) == (409, "TICKET_FILE_TICKET_CLOSED")


def test_a_file_on_its_way_while_its_ticket_closes_still_arrives() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attachment = send(ticket)
    close_ticket(ticket)
    judge(attachment.upload)
    ticket.refresh_from_db()
    assert (TicketAttachment.objects.get().state, ticket.state) == (AttachmentState.ATTACHED, TicketState.CLOSED)


def test_a_video_is_judged_as_before_beside_it() -> None:
    """The name of a ticket alone makes no attachment; a video is still refused for being text."""

    video = make_video()
    made = post(video.owner, {"filename": "a.mp4", "ticket": "tkt_x"}, Upload_Length="10")
    assert made.status == 201
    assert asyncio.run(patch(made.headers["location"], 0, b"plain text")).problem["code"] == "UPLOAD_IS_TEXT"
    assert not Task.objects.filter(kind="uploads.judge").exists()


def test_the_same_creation_sent_twice_makes_one_attachment() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    first, again = (announce(ticket, PNG, Idempotency_Key="a-key-of-this-file") for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert first.headers["holdfast-upload"] == again.headers["holdfast-upload"]
    assert TicketAttachment.objects.count() == 1


def test_parts_straight_to_the_storage_are_refused_by_name(settings: Any) -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    pairs = {"filename": "a.png", "purpose": "attachment", "ticket": ticket.public_id, "transport": "s3"}
    answer = post(ticket.owner, pairs, Upload_Length="2000")
    expected = "UPLOAD_ATTACHMENT_WAY_REFUSED" if settings.UPLOAD_STORE == "s3" else "UPLOAD_DIRECT_UNAVAILABLE"
    assert answer.problem["code"] == expected
    program = Client(headers={"Authorization": f"Token {AuthToken.objects.create(ticket.owner)[1]}"})
    begin = {"filename": "a.png", "type": "image/png", "metadata": {"purpose": "attachment", "ticket": ticket.public_id, "size": 2000}}
    told = program.post("/api/v1/s3/multipart", begin, content_type="application/json")
    assert told.json()["code"] == expected
    assert not UploadSession.objects.exists()
    assert nothing_stored()


def test_the_other_protocol_is_told_the_limit_of_attachments() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    pairs = {"filename": "a.png", "purpose": "attachment", "ticket": ticket.public_id}
    given = {"Upload_Complete": "?0", "Upload_Draft_Interop_Version": "8", "Upload_Length": "2056", "Upload_Metadata": metadata(**pairs)}
    token = AuthToken.objects.create(ticket.owner)[1]
    answer = asyncio.run(request("POST", "/files/", version="", Authorization=f"Token {token}", **given))
    assert answer.status == 201
    assert f"max-size={25 * 2**20}" in answer.headers["upload-limit"]


def test_what_tickets_hold_is_told_beside_the_other_limits() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attached(ticket)
    program = Client(headers={"Authorization": f"Token {AuthToken.objects.create(ticket.owner)[1]}"})
    rows = {row["name"]: row for row in program.get("/api/v1/usage").json()}
    assert (rows["attached"]["used"], rows["attached"]["limit"], rows["stored"]["used"]) == (len(PNG), 2**30, 0)


def test_ending_its_upload_takes_an_attached_file_back() -> None:
    """An attachment has no other life than its upload; a video's file would stay."""
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = announce(ticket, PNG)
    asyncio.run(patch(made.headers["location"], 0, PNG))
    judge(TicketAttachment.objects.get().upload)
    assert asyncio.run(request("DELETE", made.headers["location"])).status == 204
    assert TicketAttachment.objects.get().state == AttachmentState.GONE
    assert nothing_stored()
