"""What a person, or everybody together, uses of the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Case, Count, F, Q, Sum, When
from django.db.models.functions import Coalesce, Now

from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession

DAY = timedelta(days=1)
# Sessions whose bytes are in our storage. A corrupt one is our fault, and is not held against anybody.
_HOLDING = (*OPEN_SESSION_STATES, SessionState.RECEIVED, SessionState.ACCEPTED)
_OWN = ~Q(role=UploadRole.ATTACHED)
_OPEN = Q(state__in=OPEN_SESSION_STATES)
# While it is open, an upload counts with all it announced; once over, with what arrived.
_BYTES = Case(When(_OPEN, then=Coalesce("length", "committed")), default=F("committed"))
_KEPT = ("stored", "today", "open")


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes stored or reserved, bytes begun in the last 24 hours, and uploads that are not finished."""

    stored: int
    today: int
    open: int


def usage_of(owner_id: int | None) -> Usage:
    """Ask for one person's use, or everybody's (None). What a person attaches to tickets is counted apart (`uploads.attachments.room`)."""
    sessions = UploadSession.objects.all() if owner_id is None else UploadSession.objects.filter(_OWN, owner_id=owner_id)
    found = sessions.filter(Q(state__in=_HOLDING) | _recent()).aggregate(
        stored=Coalesce(Sum(_BYTES, filter=Q(state__in=_HOLDING)), 0),
        today=Coalesce(Sum(_BYTES, filter=_recent()), 0),
        open=Count("pk", filter=_OPEN),
    )
    return Usage(**{name: int(found[name]) for name in _KEPT})


def accepted_bytes(owner_id: int) -> int:
    """Return what a person's accepted files take: what is complete, not what is reserved."""
    mine = UploadSession.objects.filter(_OWN, owner_id=owner_id, state=SessionState.ACCEPTED)
    return int(mine.aggregate(total=Coalesce(Sum("committed"), 0))["total"])


def begun_today(owner_id: int) -> Iterator[tuple[int, timedelta]]:
    """Yield what counts for a person's day, earliest first: bytes, and how long ago it began."""
    mine = UploadSession.objects.filter(_recent(), _OWN, owner_id=owner_id).order_by("created_at")
    return mine.annotate(counted=_BYTES, age=Now() - F("created_at")).values_list("counted", "age").iterator(chunk_size=500)


def _recent() -> Q:
    return Q(created_at__gt=Now() - DAY) & ~Q(role=UploadRole.JOINED)  # what was joined was sent as its parts
