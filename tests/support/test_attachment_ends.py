"""How many files tickets take, and how each of them ends: removed, expired, lost, deleted with its ticket."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from support.models import AttachmentState, TicketAttachment
from support.services.attachments import drop_unheld, remove_attachment
from support.services.tickets import open_ticket
from tests.factories import make_user
from tests.support.attaching import PNG, announce, attached, judge, nothing_stored, send
from tests.uploads.client import patch, request
from uploads.attachments.judge import give_up, judge_attachment
from uploads.integrity.verify import verify_uploads
from uploads.limits.usage import usage_of
from uploads.models import SessionState, UploadSession
from uploads.services.expire import expire_uploads
from uploads.store import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stores")]


def test_the_twentieth_file_is_the_last(settings: Any) -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = [announce(ticket, PNG) for _ in range(20)]
    assert [answer.status for answer in made] == [201] * 20
    answer = announce(ticket, PNG)
    assert (answer.status, answer.problem["code"], answer.problem["used"]) == (409, "TICKET_FILE_TICKET_FULL", 20)
    remove_attachment(TicketAttachment.objects.first())  # type: ignore[arg-type]
    assert announce(ticket, PNG).status == 201


def test_a_day_and_all_tickets_together_have_an_end(settings: Any) -> None:
    settings.UPLOAD_ATTACHMENTS_PER_DAY, settings.UPLOAD_ATTACHMENT_QUOTA = 3, 2 * len(PNG) + 10
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    assert [announce(ticket, PNG).status for _ in range(2)] == [201, 201]
    answer = announce(ticket, PNG)
    assert (answer.status, answer.problem["code"]) == (413, "UPLOAD_ATTACHMENT_QUOTA_REACHED")
    assert announce(ticket, 10).status == 201
    settings.UPLOAD_ATTACHMENT_QUOTA = 0
    answer = announce(ticket, 1)
    assert (answer.status, answer.problem["code"]) == (429, "UPLOAD_ATTACHMENTS_DAILY_LIMIT_REACHED")
    assert 86_000 < answer.problem["retry_after"] <= 86_400


def test_attachments_and_videos_do_not_take_each_others_room(settings: Any) -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attached(ticket)
    used = usage_of(ticket.owner_id)
    assert (used.stored, used.today, used.open) == (0, 0, 0)
    assert usage_of(None).stored == len(PNG)


def test_a_ticket_deleted_later_takes_its_files_along() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attached(ticket)
    ticket.delete()
    assert drop_unheld(dry_run=True) == 1
    assert not nothing_stored()
    assert (drop_unheld(), drop_unheld()) == (1, 0)
    assert nothing_stored()
    assert UploadSession.objects.get().state == SessionState.ABORTED


def test_removing_a_file_removes_its_bytes_and_its_address() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    made = announce(ticket, PNG)
    asyncio.run(patch(made.headers["location"], 0, PNG))
    attachment = TicketAttachment.objects.get()
    judge(attachment.upload)
    remove_attachment(TicketAttachment.objects.get())
    assert asyncio.run(request("GET", made.headers["location"])).status == 410
    assert nothing_stored()
    assert not TicketAttachment.objects.exists()


def test_an_attachment_nobody_finished_expires_like_any_upload() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    announce(ticket, PNG)
    UploadSession.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert expire_uploads() == 1
    assert TicketAttachment.objects.get().state == AttachmentState.GONE
    assert nothing_stored()


def test_an_accepted_one_never_expires_and_is_verified_with_everything_else() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attached(ticket)
    UploadSession.objects.update(expires_at=Now() - timedelta(days=30))
    assert expire_uploads() == 0
    report = verify_uploads(since=None, limit=None, dry_run=False, told=lambda difference: None)
    assert (report.uploads, report.bytes, report.differences) == (1, len(PNG), [])


def test_bytes_lost_before_it_was_judged_are_told_as_our_fault() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attachment = send(ticket)
    store().delete(attachment.upload.storage_key)
    judge(attachment.upload)
    attachment = TicketAttachment.objects.get()
    assert (attachment.state, attachment.upload.error_code) == (AttachmentState.GONE, "UPLOAD_CORRUPT")


def test_a_judging_that_cannot_be_done_keeps_the_file_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:

    attachment = send(open_ticket(owner=make_user(), subject="s", body="b"))
    give_up(attachment.upload.public_id)
    attachment = TicketAttachment.objects.get()
    assert (attachment.state, attachment.upload.error_code) == (AttachmentState.CHECKING, "UPLOAD_CHECK_FAILED")
    judge_attachment(attachment.upload.public_id, stopped=lambda: False)
    attachment = TicketAttachment.objects.get()
    assert (attachment.state, attachment.upload.error_code) == (AttachmentState.ATTACHED, "")
