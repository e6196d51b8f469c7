"""Compare what is stored with what was received, upload after upload, and say what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db.models import QuerySet

from uploads.models import SessionState, UploadSession
from uploads.services.abort import mark_corrupt
from uploads.store import KeepsSums, Store, StoreMissing, store

from .chain import Damage, Fault
from .compare import Compared, blocks_of_reader, compare

log = structlog.get_logger(__name__)

BATCH = 100
_STORED = (SessionState.RECEIVING, SessionState.RECEIVED, SessionState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Difference:
    """One upload whose bytes are not what arrived. `marked`: it was ended as corrupt, and its owner is asked for the file again."""

    upload: str
    state: str
    fault: str
    start: int
    length: int
    marked: bool


@dataclass(slots=True)
class Report:
    """Counts over uploads and bytes. `unreadable`: parts that lie at S3 cannot be read before they are put together; S3's sums were compared."""

    uploads: int = 0
    bytes: int = 0
    unchained: int = 0  # bytes read that nothing was recorded for
    unreadable: int = 0
    gone: int = 0  # uploads that ended or were deleted while they were read
    differences: list[Difference] = field(default_factory=list)


def verify_uploads(*, since: datetime | None, limit: int | None, dry_run: bool, told: Callable[[Difference], None]) -> Report:
    """Compare stored uploads with their chain or digest, oldest first, in batches.

    An upload that was not accepted yet is ended as corrupt when its bytes differ, unless `dry_run`; an accepted one is only told: people may
    be watching what was made of it, and whether it is kept is for a person to decide.

    Args:
        since: only uploads that changed since.
        limit: so many uploads at most.
        told: called for every difference when it is found.
    """
    report = Report()
    for session in _sessions(since=since, limit=limit):
        damage = _damage(session, report)
        report.uploads += 1
        if damage is None:
            continue
        if _moved_on(session):
            report.gone += 1
            continue
        difference = _tell(session, damage, dry_run=dry_run)
        report.differences.append(difference)
        told(difference)
    return report


def _sessions(*, since: datetime | None, limit: int | None) -> Iterator[UploadSession]:
    wanted: QuerySet[UploadSession] = UploadSession.objects.filter(state__in=_STORED).order_by("pk")
    if since is not None:
        wanted = wanted.filter(updated_at__gte=since)
    last, left = 0, limit
    while batch := list(wanted.filter(pk__gt=last)[: BATCH if left is None else min(BATCH, left)]):
        yield from batch
        last, left = batch[-1].pk, None if left is None else left - len(batch)


def _damage(session: UploadSession, report: Report) -> Damage | None:
    """What arrived whole is read; so is what lies on disk. Parts in S3 nobody can read yet: S3's own sums are compared with what was counted."""
    size, place = session.committed, store()
    try:
        if session.state == SessionState.RECEIVING and isinstance(place, KeepsSums):
            report.unreadable += 1
            loss = place.first_loss(session.storage_key)
            return None if loss is None else Damage(Fault.MISSING if loss.missing else Fault.CHANGED, loss.first, loss.count)
        compared = _compared(session, place, size)
    except StoreMissing:
        return Damage(Fault.MISSING, 0, size)
    if isinstance(compared, Damage):
        return compared
    report.bytes += size
    report.unchained += size - compared.covered if compared.damage is None else 0
    return compared.damage


def _compared(session: UploadSession, place: Store, size: int) -> Compared | Damage:
    reader = place.reader(session.storage_key)  # puts a file together that nobody has put together yet, as the inspection would
    stored = place.size(session.storage_key)
    if stored < size:
        reader.close()
        return Damage(Fault.MISSING, stored, size - stored)
    return compare(session, blocks_of_reader(reader, size=size))


def _moved_on(session: UploadSession) -> bool:
    """True when it is not any more what was compared: then its bytes or its segments may rightly be gone."""
    now = UploadSession.objects.filter(pk=session.pk).values_list("state", "ended_at").first()
    return now != (session.state, session.ended_at)


def _tell(session: UploadSession, damage: Damage, *, dry_run: bool) -> Difference:
    state = session.state
    marked = not dry_run and state != SessionState.ACCEPTED and mark_corrupt(session)
    found: dict[str, Any] = {"state": state, "fault": damage.fault.value, "start": damage.start, "length": damage.length, "marked": marked}
    log.error("upload.bytes_differ", upload=session.public_id, **found)
    return Difference(upload=session.public_id, **found)
