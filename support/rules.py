"""What must hold of tickets and their files."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Q
from django.db.models.functions import Now

from resilience.integrity import Breach, in_batches, rule
from support.models import Ticket, TicketAttachment
from support.services.attachments import drop_unheld
from uploads.models import SessionState, UploadRole


def _attach(breach: Breach) -> bool:
    ours = TicketAttachment.objects.filter(pk=breach.row.pk, attached_at=None, upload__state=SessionState.ACCEPTED)
    return bool(ours.update(attached_at=Now()))


@rule("support.attached", about="Every accepted file of a ticket is attached to it.", repair=_attach)
def attached() -> Iterator[Breach]:
    loose = TicketAttachment.objects.filter(upload__state=SessionState.ACCEPTED, attached_at=None).select_related("upload", "ticket")
    for attachment in in_batches(loose):
        yield Breach(attachment.upload.public_id, f"accepted, and not attached to {attachment.ticket.public_id}", attachment)


@rule("support.owners", about="A ticket's files and video are its owner's.")
def owners() -> Iterator[Breach]:
    strange = TicketAttachment.objects.filter(~Q(upload__owner=F("ticket__owner")) | ~Q(upload__role=UploadRole.ATTACHED)).select_related("upload", "ticket")
    for attachment in in_batches(strange):
        yield Breach(attachment.upload.public_id, f"is no file of the owner of {attachment.ticket.public_id}", attachment)
    for ticket in in_batches(Ticket.objects.filter(video__isnull=False).exclude(video__owner=F("owner"))):
        yield Breach(ticket.public_id, "is about a video of somebody else", ticket)


@rule("support.unheld", about="No file of a ticket outlives the ticket.", repair=lambda breach: drop_unheld() > 0)
def unheld() -> Iterator[Breach]:
    if count := drop_unheld(dry_run=True):
        yield Breach("the tickets", f"{count} files belong to no ticket any more")
