"""Sending files to tickets in tests: through the real upload application, in this process."""

from __future__ import annotations

import asyncio

from django.contrib.auth.models import User
from knox.models import AuthToken

from resilience.models import Task
from resilience.tasks.runner import run_due
from support.models import Ticket, TicketAttachment
from tests.uploads.client import Answer, patch, request
from tests.uploads.server import metadata
from uploads.models import UploadSession
from uploads.store import store

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def announce(ticket: Ticket | str, data: bytes | int, *, name: str = "screen.png", by: User | None = None, **headers: str) -> Answer:
    """POST: a new attachment of so many bytes, of this ticket, or of whatever it says."""
    owner = by or User.objects.get(tickets__public_id=ticket.public_id if isinstance(ticket, Ticket) else ticket)
    about = ticket.public_id if isinstance(ticket, Ticket) else ticket
    size = data if isinstance(data, int) else len(data)
    return post(owner, {"filename": name, "purpose": "attachment", "ticket": about}, Upload_Length=str(size), **headers)


def post(owner: User, pairs: dict[str, str], *, body: bytes = b"", **headers: str) -> Answer:
    """POST with this metadata, as this person."""
    given = {"Upload_Metadata": metadata(**pairs), "Authorization": f"Token {AuthToken.objects.create(owner)[1]}"}
    return asyncio.run(request("POST", "/files/", body=body, **given | headers))


def send(ticket: Ticket, data: bytes = PNG, *, name: str = "screen.png") -> TicketAttachment:
    """Send all of a file, and leave it to be judged."""
    made = announce(ticket, data, name=name)
    assert made.status == 201, made
    answer = asyncio.run(patch(made.headers["location"], 0, data))
    assert answer.status == 204, answer
    return TicketAttachment.objects.get(upload__public_id=made.headers["holdfast-upload"])


def attached(ticket: Ticket, data: bytes = PNG, *, name: str = "screen.png") -> TicketAttachment:
    """Send all of a file, and have it judged."""
    attachment = send(ticket, data, name=name)
    judge(attachment.upload)
    return TicketAttachment.objects.get(pk=attachment.pk)


def judge(session: UploadSession) -> Task:
    """Run what is due, and return the task of this file."""
    run_due(queues=("default",))
    return Task.objects.get(kind="uploads.judge", key=session.public_id)


def nothing_stored() -> bool:
    return list(store().keys(older_than_seconds=-5)) == []
