"""Files of tickets while everything else happens at the same moment: two runs, a death, a removal, the last place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from notifications.models import Event
from support.models import AttachmentState, TicketAttachment
from support.services import attachments as files
from support.services.attachments import remove_attachment
from support.services.tickets import open_ticket
from tests.factories import make_user
from tests.support.attaching import PNG, announce, attached, judge, nothing_stored, send
from uploads.attachments import judge as judging
from uploads.attachments.judge import judge_attachment
from uploads.models import SessionState, UploadSession

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stores")]


def at_once(work: Callable[[], Any], *, times: int = 3) -> list[Any]:
    barrier, found = threading.Barrier(times), []

    def run() -> None:
        barrier.wait(60)
        try:
            found.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_the_same_task_twice_keeps_one_file_once() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attachment = attached(ticket)

    when, events = attachment.attached_at, Event.objects.count()
    judge_attachment(attachment.upload.public_id, stopped=lambda: False)
    attachment.refresh_from_db()
    assert (attachment.attached_at, Event.objects.count()) == (when, events)


def test_dying_between_acceptance_and_tying_leaves_it_all_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    attachment = send(open_ticket(owner=make_user(), subject="s", body="b"))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as once:
        once.setattr(files.TicketFiles, "keep", die)
        with pytest.raises(Killed):
            judge_attachment(attachment.upload.public_id, stopped=lambda: False)
    assert TicketAttachment.objects.get().state == AttachmentState.CHECKING, "neither half of it happened"
    judge(attachment.upload)
    assert TicketAttachment.objects.get().state == AttachmentState.ATTACHED


def test_a_ticket_deleted_while_its_file_is_on_its_way_leaves_nothing() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    attachment = send(ticket)
    ticket.delete()
    judge(attachment.upload)
    session = UploadSession.objects.get()
    assert (session.state, session.error_code) == (SessionState.REJECTED, "UPLOAD_ATTACHMENT_UNHELD")
    assert nothing_stored()


def test_several_at_once_do_not_both_take_the_last_place(settings: Any) -> None:
    settings.UPLOAD_ATTACHMENTS_PER_TICKET = 1
    ticket = open_ticket(owner=make_user(), subject="s", body="b")
    codes = sorted(answer.status for answer in at_once(lambda: announce(ticket, PNG)))
    assert codes == [201, 409, 409]
    assert TicketAttachment.objects.count() == UploadSession.objects.count() == 1


def test_the_limits_of_a_person_hold_over_all_their_tickets_at_once(settings: Any) -> None:
    settings.UPLOAD_ATTACHMENTS_PER_DAY = 1
    owner = make_user()
    tickets = [open_ticket(owner=owner, subject="s", body="b", error_code=code) for code in ("", "UPLOAD_EMPTY", "UPLOAD_TRUNCATED")]
    codes = sorted(answer.status for answer in at_once(lambda: announce(tickets.pop(), PNG)))
    assert codes == [201, 429, 429]
    assert UploadSession.objects.count() == 1


def test_judged_by_two_at_once_it_is_kept_once() -> None:
    attachment = send(open_ticket(owner=make_user(), subject="s", body="b"))
    at_once(lambda: judge_attachment(attachment.upload.public_id, stopped=lambda: False))
    assert TicketAttachment.objects.get().state == AttachmentState.ATTACHED
    assert Event.objects.filter(kind="ticket.changed", data__file_state="attached").count() == 1


def test_removed_while_it_is_judged_it_stays_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    attachment = send(open_ticket(owner=make_user(), subject="s", body="b"))
    look = judging._look

    def slow(session: UploadSession, **more: Any) -> Any:
        found = look(session, **more)
        remove_attachment(attachment)
        return found

    monkeypatch.setattr(judging, "_look", slow)
    judge(attachment.upload)
    assert UploadSession.objects.get().state == SessionState.ABORTED
    assert not TicketAttachment.objects.exists()
    assert nothing_stored()
