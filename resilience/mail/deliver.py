"""Deliver stored messages: each by one task at a time, until the server took it for everybody it takes it for."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from resilience.circuits import circuit
from resilience.errors import AppError
from resilience.faults import point
from resilience.metrics import counter
from resilience.models import Mail, Task
from resilience.models.mail import MailState

from . import CIRCUIT
from .errors import MailDelayed, MailRefused, MailSenderRefused
from .transport import Taken, send

OUTCOMES = counter("holdfast_mail_deliveries_total", "Tries to deliver a message, by how they ended.", ["outcome"])
_UNSENT = (MailState.WAITING, MailState.DEAD)  # a dead letter that an operator starts again
_LIMITS: dict[str, Any] = {"fail_max": 3, "window_seconds": 300, "success_threshold": 1, "timeout": 30, "exclude": (MailDelayed, MailRefused)}


def deliver(mail_id: str) -> None:
    """Hand one message over, and write down that it was taken. Nothing is done for one that was delivered before.

    Dying between the two sends it once more, with the Message-ID it has: nobody can tell a server that takes and dies from one that never took.

    Raises:
        CircuitOpen: the server is left alone for now. MailServerAway, MailSenderRefused, MailDelayed: to be tried again.
        MailRefused: it is taken for nobody, and never will be.
    """
    mail = Mail.objects.filter(pk=mail_id, state__in=_UNSENT).first()
    if mail is None:
        return
    try:
        with circuit(CIRCUIT, **_LIMITS).calling():
            taken = send(bytes(mail.body), sender=mail.sender, recipients=mail.left)
        point("mail.deliver.accepted")
        _note(mail, taken)
    except AppError as error:
        OUTCOMES.labels(_OUTCOME.get(type(error), "away")).inc()
        words = " ".join(getattr(error, "__notes__", ()))
        Mail.objects.filter(pk=mail.pk, state__in=_UNSENT).update(error_code=error.code, last_error=words[:500])
        raise
    OUTCOMES.labels("sent").inc()


_OUTCOME: dict[type[AppError], str] = {MailDelayed: "delayed", MailRefused: "refused", MailSenderRefused: "sender_refused"}


def _note(mail: Mail, taken: Taken) -> None:
    """Write down who has it.

    Raises:
        MailDelayed: some are to be tried again. MailRefused: nobody takes it.
    """
    refused = mail.refused | taken.refused
    unsent = Mail.objects.filter(pk=mail.pk, state__in=_UNSENT)
    if taken.later:
        unsent.update(left=list(taken.later), refused=refused)
        raise MailDelayed()
    if len(refused) == len(mail.recipients):
        unsent.update(left=[], refused=refused)
        error = MailRefused()
        error.add_note("; ".join(f"{address}: {words}" for address, words in refused.items()))
        raise error
    unsent.update(state=MailState.SENT, sent_at=Now(), body=b"", left=[], refused=refused, error_code="", last_error="")


def bury(task: Task) -> None:
    """Its task is a dead letter: the message is one too. Called inside the transaction that makes it one."""
    Mail.objects.filter(pk=task.payload["mail_id"], state=MailState.WAITING).update(state=MailState.DEAD, error_code=task.error_code)
