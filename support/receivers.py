"""Tell the owner of a ticket, through the same stream and inbox as everything else."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from notifications.models import NotificationKind
from notifications.services.events import record
from notifications.services.notify import notify
from support.models import Ticket, TicketMessage, TicketState
from support.signals import ticket_changed


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


def _sentence(ticket: Ticket, message: TicketMessage | None) -> str:
    if message is not None:
        return "We answered your request for help" if message.from_staff else "You asked for help"
    return {TicketState.SOLVED: "Your request for help is marked as solved", TicketState.CLOSED: "Your request for help was closed"}.get(
        TicketState(ticket.state), ""
    )
