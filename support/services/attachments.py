"""Files of tickets. Their bytes and their judging are `uploads`'; here is which ticket they belong to, and who is told."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now

from resilience.faults import point
from support.errors import AttachmentTicketClosed, AttachmentTicketFull, AttachmentTicketUnknown, TicketChanged
from support.models import Ticket, TicketAttachment, TicketState
from support.services.tickets import note_owner_acted
from uploads.models import HOLDING_SESSION_STATES, UploadRole, UploadSession
from uploads.services.abort import abort_upload
from uploads.services.tokens import issue_token

BATCH = 200


class TicketFiles:
    """What `uploads.attachments` asks when a file names a ticket. Only the ticket's owner attaches files to it."""

    def require(self, owner: User, about: str) -> None:
        """Raises: AttachmentTicketUnknown, AttachmentTicketClosed, AttachmentTicketFull."""
        _require_open(Ticket.objects.filter(owner=owner, public_id=about[:40]).first())

    def hold(self, session: UploadSession, about: str) -> None:
        """As `require`, once more with the ticket locked: it may be closed at this moment.

        Raises:
            AttachmentTicketUnknown, AttachmentTicketClosed, AttachmentTicketFull.
        """
        ticket = _require_open(Ticket.objects.select_for_update().filter(owner_id=session.owner_id, public_id=about[:40]).first())
        TicketAttachment.objects.create(ticket=ticket, upload=session)

    def keep(self, session: UploadSession) -> bool:
        """Mark it attached; the ticket waits for us again, as after a message of its owner."""
        ticket = Ticket.objects.select_for_update(of=("self",)).select_related("owner", "video").filter(attachments__upload=session).first()
        if ticket is None or not TicketAttachment.objects.filter(upload=session, ticket=ticket).update(attached_at=Now()):
            return False
        with suppress(TicketChanged):  # solved, and its owner has a newer one about the same: the file stays with this one all the same
            note_owner_acted(ticket)
        return True


def _require_open(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise AttachmentTicketUnknown()
    if ticket.state == TicketState.CLOSED:
        raise AttachmentTicketClosed()
    limit, used = settings.UPLOAD_ATTACHMENTS_PER_TICKET, ticket.attachments.filter(upload__state__in=HOLDING_SESSION_STATES).count()
    if limit and used >= limit:
        raise AttachmentTicketFull(used=used, limit=limit)
    return ticket


def remove_attachment(attachment: TicketAttachment) -> None:
    """Take a file off its ticket: its upload ends, its bytes go, then the tie. Doing it again, or dying in between, is harmless."""
    abort_upload(attachment.upload)
    point("support.attachment.ended")
    attachment.delete()


def fresh_address(attachment: TicketAttachment) -> str:
    """Return a new secret with which an unfinished file goes on; the one before stops working."""
    return issue_token(attachment.upload)


def drop_unheld(*, dry_run: bool = False) -> int:
    """End attachments whose ticket was deleted: nobody could ever see them again.

    Returns:
        How many were (or would be) ended.
    """
    unheld = UploadSession.objects.filter(role=UploadRole.ATTACHED, state__in=HOLDING_SESSION_STATES, attachment__isnull=True).order_by("pk")
    if dry_run:
        return unheld.count()
    return sum(abort_upload(session) for session in unheld[:BATCH])
