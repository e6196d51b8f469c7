"""Reads of tickets."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from support.models import LIVE_TICKET_STATES, AttachmentState, Ticket, TicketAttachment
from uploads.models import Video


def tickets_of(user: User) -> QuerySet[Ticket]:
    """A person's tickets, the one that moved last first, each with its video."""
    return Ticket.objects.filter(owner=user).select_related("video").order_by("-updated_at", "-id")


def ticket_of(user: User, public_id: str) -> Ticket | None:
    """One of a person's tickets with its messages, or None: also when it is somebody else's."""
    return tickets_of(user).prefetch_related("messages__author").filter(public_id=public_id).first()


def live_ticket(user: User, video: Video) -> Ticket | None:
    """The newest live ticket about a video: its page offers to go on there."""
    return tickets_of(user).filter(video=video, state__in=LIVE_TICKET_STATES).first()


MAY_SEE_TICKETS = "support.view_ticket"


def files_of(ticket: Ticket) -> QuerySet[TicketAttachment]:
    """A ticket's files, each with its upload, in the order in which they were begun."""
    return TicketAttachment.objects.filter(ticket=ticket).select_related("ticket", "upload")


def file_for(viewer: User, ticket_id: str, file_id: str) -> TicketAttachment | None:
    """A file of a ticket that this person may get: of their own ticket, or of anybody's if they answer for support. Else None."""
    found = TicketAttachment.objects.filter(ticket__public_id=ticket_id, upload__public_id=file_id).select_related("ticket", "upload").first()
    if found is None or found.state != AttachmentState.ATTACHED:
        return None
    return found if found.ticket.owner_id == viewer.pk or (viewer.is_staff and viewer.has_perm(MAY_SEE_TICKETS)) else None
