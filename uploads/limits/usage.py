"""What a person, or everybody together, uses of the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Now

from uploads.models import HOLDING_SESSION_STATES, OPEN_SESSION_STATES, DeletedBytes, SessionState, UploadRole, UploadSession, Video

DAY = timedelta(days=1)
_OWN = ~Q(role=UploadRole.ATTACHED)
_OPEN = Q(state__in=OPEN_SESSION_STATES)
# While it is open, an upload counts with all it announced; once over, with what arrived.
COUNTED = Case(When(_OPEN, then=Coalesce("length", "committed")), default=F("committed"))
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
    found = sessions.filter(Q(state__in=HOLDING_SESSION_STATES) | _recent()).aggregate(
        stored=Coalesce(Sum(COUNTED, filter=Q(state__in=HOLDING_SESSION_STATES)), 0),
        today=Coalesce(Sum(COUNTED, filter=_recent()), 0) + _deleted_today(owner_id),  # one statement: what moves from there to here counts once
        open=Count("pk", filter=_OPEN),
    )
    return Usage(**{name: int(found[name]) for name in _KEPT})


def remember_sent(video: Video) -> None:
    """Note what was sent for a video within the last day, inside the transaction that deletes its rows. What is older is forgotten."""
    sent = video.sessions.filter(_recent(), committed__gt=0).values_list("committed", "created_at")
    rows = [DeletedBytes(owner_id=video.owner_id, amount=amount, begun_at=begun) for amount, begun in sent]
    if rows:
        DeletedBytes.objects.filter(owner_id=video.owner_id, begun_at__lte=Now() - DAY).delete()
        DeletedBytes.objects.bulk_create(rows)


def accepted_bytes(owner_id: int) -> int:
    """Return what a person's accepted files take: what is complete, not what is reserved."""
    mine = UploadSession.objects.filter(_OWN, owner_id=owner_id, state=SessionState.ACCEPTED)
    return int(mine.aggregate(total=Coalesce(Sum("committed"), 0))["total"])


def begun_today(owner_id: int) -> Iterator[tuple[int, timedelta]]:
    """Yield what counts for a person's day, earliest first: bytes, and how long ago it began."""
    mine = UploadSession.objects.filter(_recent(), _OWN, owner_id=owner_id).order_by("created_at")
    there = mine.annotate(counted=COUNTED, age=Now() - F("created_at")).values_list("counted", "age").iterator(chunk_size=500)
    gone = _deleted(owner_id).order_by("begun_at").annotate(age=Now() - F("begun_at")).values_list("amount", "age").iterator(chunk_size=500)
    return merge(there, gone, key=lambda counted: -counted[1])


def _deleted(owner_id: int | None) -> QuerySet[DeletedBytes]:
    recent = DeletedBytes.objects.filter(begun_at__gt=Now() - DAY)
    return recent if owner_id is None else recent.filter(owner_id=owner_id)


def _deleted_today(owner_id: int | None) -> Coalesce:
    total = _deleted(owner_id).order_by().values(all=Value(1)).annotate(total=Sum("amount")).values("total")
    return Coalesce(Subquery(total), 0, output_field=BigIntegerField())


def _recent() -> Q:
    return Q(created_at__gt=Now() - DAY) & ~Q(role=UploadRole.JOINED)  # what was joined was sent as its parts
