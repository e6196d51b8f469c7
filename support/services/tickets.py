"""Asking for help, answering, and the states of a ticket. Every change is a compare-and-set of its version."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from resilience.errors import CATALOGUE
from resilience.http.errors import NotFound, VersionConflict
from resilience.transactions import retried
from support.errors import TicketChanged, TicketClosed
from support.models import LIVE_TICKET_STATES, Snapshot, Ticket, TicketMessage, TicketState
from support.signals import ticket_changed
from support.snapshots import SCHEMA, build_snapshot
from uploads.models import Video

_SUBJECT_LENGTH = 200
_TRIES = 3


def open_ticket(*, owner: User, subject: str, body: str, video: Video | None = None, error_code: str = "") -> Ticket:
    """Ask for help. While a ticket about the same video and error lives, this goes on with that one.

    1. Build the snapshot: reads only.
    2. In one transaction: insert the ticket, or nothing if a live one exists; lock whichever it is; add message and snapshot.
    3. If the live one was closed in between, start over.

    Args:
        subject: empty takes the title of the error, else of the video.

    Raises:
        NotFound: the video is not the owner's.
        VersionConflict: tickets about this were opened and closed faster than we could follow.
    """
    if video is not None and video.owner_id != owner.pk:
        raise NotFound()
    subject = subject.strip() or _subject(video, error_code)
    data = build_snapshot(video, owner=owner)
    for _ in range(_TRIES):
        ticket = _open_or_continue(owner=owner, subject=subject[:_SUBJECT_LENGTH], body=body, video=video, error_code=error_code, data=data)
        if ticket is not None:
            return ticket
    raise VersionConflict()


@retried(joins=True)
def _open_or_continue(*, owner: User, subject: str, body: str, video: Video | None, error_code: str, data: dict[str, object]) -> Ticket | None:
    fresh = Ticket(owner=owner, video=video, subject=subject, error_code=error_code)
    Ticket.objects.bulk_create([fresh], ignore_conflicts=True)
    ticket = _live(owner=owner, video=video, error_code=error_code)
    if ticket is None:
        return None
    if ticket.public_id != fresh.public_id:
        if _said_last(ticket, author=owner, body=body):
            return ticket  # sent twice: said once
        _set_state(ticket, TicketState.WAITING_ON_US if ticket.state == TicketState.WAITING_ON_USER else TicketState(ticket.state))
    message = TicketMessage.objects.create(ticket=ticket, author=owner, body=body)
    Snapshot.objects.create(ticket=ticket, schema=SCHEMA, data=data)
    ticket_changed.send(sender=Ticket, ticket=ticket, message=message)
    return ticket


@retried(joins=True)
def reply(ticket: Ticket, *, author: User, body: str, version: int | None = None) -> TicketMessage:
    """Write into a ticket. The owner's words make it wait for us, ours make it wait for the owner; a solved one lives again.

    Args:
        version: refuse if the ticket has changed since this version was read.

    Raises:
        TicketClosed: it takes no more messages.
        TicketChanged: its version is another by now, or the owner has a newer live ticket about the same.
        NotFound: the author is neither the owner nor staff.
    """
    from_staff = author.pk != ticket.owner_id
    if from_staff and not author.is_staff:
        raise NotFound()
    current = _locked(ticket, version=version)
    if current.state == TicketState.CLOSED:
        raise TicketClosed()
    if from_staff:
        _set_state(current, TicketState.WAITING_ON_USER)
    else:
        note_owner_acted(current)
    message = TicketMessage.objects.create(ticket=current, author=author, from_staff=from_staff, body=body)
    ticket_changed.send(sender=Ticket, ticket=current, message=message)
    ticket.state, ticket.version = current.state, current.version
    return message


def note_owner_acted(ticket: Ticket) -> None:
    """Let a ticket, locked by the caller, wait for us: its owner wrote, or attached a file. One that is closed stays closed.

    Raises:
        TicketChanged: it was solved, and its owner has a newer live one about the same.
    """
    if ticket.state != TicketState.CLOSED:
        _set_state(ticket, TicketState.OPEN if ticket.state == TicketState.OPEN else TicketState.WAITING_ON_US)


def solve_ticket(ticket: Ticket, *, version: int | None = None) -> Ticket:
    """Mark as solved; the owner's next message opens it again. Raises TicketChanged when it is not live or has moved on."""
    return _move(ticket, TicketState.SOLVED, only_from=LIVE_TICKET_STATES, version=version)


def close_ticket(ticket: Ticket, *, version: int | None = None) -> Ticket:
    """Close for good. Raises TicketChanged when it is closed already or has moved on."""
    return _move(ticket, TicketState.CLOSED, only_from=(*LIVE_TICKET_STATES, TicketState.SOLVED), version=version)


def reopen_ticket(ticket: Ticket, *, version: int | None = None) -> Ticket:
    """Make a solved or closed ticket wait for us again. Raises TicketChanged when it lives, or another about the same does."""
    return _move(ticket, TicketState.WAITING_ON_US, only_from=(TicketState.SOLVED, TicketState.CLOSED), version=version)


@retried(joins=True)
def _move(ticket: Ticket, to: TicketState, *, only_from: tuple[TicketState, ...], version: int | None) -> Ticket:
    current = _locked(ticket, version=version)
    if current.state not in only_from:
        raise TicketChanged()
    _set_state(current, to)
    ticket_changed.send(sender=Ticket, ticket=current, message=None)
    return current


def _locked(ticket: Ticket, *, version: int | None) -> Ticket:
    current = Ticket.objects.select_for_update(of=("self",)).select_related("owner", "video").filter(pk=ticket.pk).first()
    if current is None:
        raise NotFound()
    if version is not None and current.version != version:
        raise TicketChanged()
    return current


def _set_state(ticket: Ticket, to: TicketState) -> None:
    try:
        with transaction.atomic():
            changed = Ticket.objects.filter(pk=ticket.pk, version=ticket.version).update(state=to, version=F("version") + 1, updated_at=Now())
    except IntegrityError:
        raise TicketChanged() from None  # another live ticket about the same: it would be two
    if not changed:
        raise TicketChanged()
    ticket.state, ticket.version = to, ticket.version + 1


def _live(*, owner: User, video: Video | None, error_code: str) -> Ticket | None:
    return (
        Ticket.objects.select_for_update(of=("self",))
        .select_related("owner", "video")
        .filter(owner=owner, video=video, error_code=error_code, state__in=LIVE_TICKET_STATES)
        .first()
    )


def _said_last(ticket: Ticket, *, author: User, body: str) -> bool:
    last = ticket.messages.order_by("-created_at", "-id").first()
    return last is not None and last.author_id == author.pk and last.body == body


def _subject(video: Video | None, error_code: str) -> str:
    if error_code:
        return CATALOGUE.get(error_code).title
    return f"Help with {video.title}" if video is not None else "A question"
