"""A letter that is written down with what it tells of, and delivered by a task: at least once, and always the same one."""

from __future__ import annotations

from email import message_from_bytes
from typing import Any
from unittest.mock import patch

from django.core.mail import EmailMessage, get_connection

from resilience.mail import deliver
from resilience.mail.transport import Taken
from resilience.models import Mail
from resilience.models.mail import MailState

from .world import World

SUBJECT = "Your film is ready"


def letter(world: World) -> None:
    def takes(body: bytes, **_: Any) -> Taken:
        world.ledger.note("letter", message_id=message_from_bytes(body)["Message-ID"])
        return Taken()

    if not Mail.objects.filter(subject=SUBJECT).exists():
        through = get_connection("resilience.mail.backend.DurableMail")
        EmailMessage(SUBJECT, "Watch it.", to=[world.person.email], connection=through).send()
    with patch.object(deliver, "send", takes):
        world.work()
    delivered = [entry["message_id"] for entry in world.ledger.entries("letter")]
    assert delivered, "it was never delivered"
    assert len(set(delivered)) == 1, "two letters, where one was written"
    assert Mail.objects.get(subject=SUBJECT).state == MailState.SENT
