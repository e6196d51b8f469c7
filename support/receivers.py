"""Tell the owner of a ticket, through the same stream and inbox as everything else."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from notifications.models import NotificationKind
from notifications.services.events import record
from notifications.services.notify import notify
from resilience.errors import CATALOGUE
from support.models import AttachmentState, Ticket, TicketAttachment, TicketMessage, TicketState
from support.signals import ticket_changed
from uploads.models import UploadSession
from uploads.signals import attachment_changed


def page_of(ticket: Ticket) -> str:
    return f"/tickets/{ticket.public_id}/"


@receiver(ticket_changed)
def tell_owner(sender: object, ticket: Ticket, message: TicketMessage | None = None, **kwargs: Any) -> None:
    answered = message is not None and message.from_staff
    record(
        user=ticket.owner,
        kind="ticket.changed",
        video=ticket.video,
        sentence=_sentence(ticket, message),
        data={"ticket": ticket.public_id, "state": ticket.state, "answered": answered},
    )
    if message is not None and answered:
        notify(
            user=ticket.owner,
            kind=NotificationKind.TICKET_ANSWERED,
            key=f"ticket_answered:{message.pk}",
            title=f"We answered: {ticket.subject}",
            body=message.body[:300],
            link=page_of(ticket),
            video=ticket.video,
        )


@receiver(attachment_changed)
def tell_about_file(sender: object, session: UploadSession, **kwargs: Any) -> None:
    """Let the ticket's page show it; a refusal reaches its owner wherever they are by then."""
    attachment = TicketAttachment.objects.filter(upload=session).select_related("ticket__owner", "ticket__video", "upload").first()
    if attachment is None:
        return  # its ticket is gone
    ticket = attachment.ticket
    data = {"ticket": ticket.public_id, "state": ticket.state, "answered": False, "file": session.public_id, "file_state": attachment.state.value}
    record(user=ticket.owner, kind="ticket.changed", video=ticket.video, data=data)
    if attachment.state == AttachmentState.REFUSED:
        notify(
            user=ticket.owner,
            kind=NotificationKind.ATTACHMENT_REFUSED,
            key=f"attachment_refused:{session.public_id}",
            title=CATALOGUE.get(session.error_code).title,
            body=f"{session.file_name}: {CATALOGUE.get(session.error_code).sentence(session.error_fields)}"[:1000],
            link=page_of(ticket),
            video=ticket.video,
        )


def _sentence(ticket: Ticket, message: TicketMessage | None) -> str:
    if message is not None:
        return "We answered your request for help" if message.from_staff else "You asked for help"
    return {TicketState.SOLVED: "Your request for help is marked as solved", TicketState.CLOSED: "Your request for help was closed"}.get(
        TicketState(ticket.state), ""
    )
