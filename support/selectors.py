"""Reads of tickets."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from support.models import LIVE_TICKET_STATES, Ticket
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
