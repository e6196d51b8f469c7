"""What `EMAIL_BACKEND` names: sending a mail writes it down, and asks nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from resilience.http.request_ids import current_request_id
from resilience.models import Mail
from resilience.tasks import enqueue
from resilience.transactions import retried

from . import KIND


class DurableMail(BaseEmailBackend):
    """Store messages in the caller's transaction, each with the task that delivers it: with the commit it will be sent, without it it will not."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return len(_store([message for message in email_messages if message.recipients()]))


@retried(joins=True)
def _store(messages: Sequence[EmailMessage]) -> list[Mail]:
    mails = [_row(message) for message in messages]
    Mail.objects.bulk_create(mails)
    for mail in mails:
        enqueue(KIND, key=str(mail.pk), payload={"mail_id": str(mail.pk)})
    return mails


def _row(message: EmailMessage) -> Mail:
    key = uuid.uuid4()
    sender = message.from_email or settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    message_id = message.extra_headers.setdefault("Message-ID", f"<{key}@{domain}>")
    recipients = list(dict.fromkeys(message.recipients()))
    return Mail(
        id=key,
        message_id=message_id[:255],
        sender=sender[:320],
        recipients=recipients,
        left=recipients,
        subject=" ".join(message.subject.split())[:300],
        body=message.message().as_bytes(linesep="\r\n"),  # type: ignore[call-arg] # Django's own class of messages
        request_id=current_request_id(),
    )
