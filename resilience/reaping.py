"""Running reapers: each by one host at a time, in its interval, with its result written down.

1. Claim: move `due_at` one interval on, take a lease and a new epoch, in one guarded statement. Of many hosts one succeeds.
2. Run the function, outside of any transaction.
3. Write the result, if the epoch is still ours; give the lease back.

A host that dies between 1 and 3 leaves a lease: it is over at once when another process of the same machine looks, else after LEASE.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import Error as DatabaseFault
from django.db.models import F, Q
from django.db.models.functions import Now

from resilience.faults import point
from resilience.leases import Owner, is_gone, this_owner, this_place
from resilience.models import Reaper
from resilience.reapers import MINUTE, ReaperKind, all_reapers, find, this_host

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=30)  # of one run; longer ones are safe too, only another host may begin beside them
UNKNOWN_KEPT = timedelta(days=7)  # rows of reapers of another release, and of hosts that are no more
OVERDUE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Part:
    """How one run went; `error` is empty when it went well. `said` is for whoever reads a report of it."""

    name: str
    count: int = 0
    error: str = ""
    said: str = ""


def announce() -> None:
    """Put down a row for each reaper this release has, due at once; take over intervals that changed. Forget those nobody has."""
    rows = [Reaper(name=kind.row, every=kind.every) for kind in all_reapers()]
    known = dict(Reaper.objects.values_list("name", "every"))
    missing = [row for row in rows if known.get(row.name) != row.every]
    if missing:
        Reaper.objects.bulk_create(missing, update_conflicts=True, unique_fields=["name"], update_fields=["every"])
    strange = [name for name in known if name not in {row.name for row in rows}]
    Reaper.objects.filter(name__in=strange, due_at__lt=Now() - UNKNOWN_KEPT).delete()


def run_due() -> list[Part]:
    """Run what is due and no other host runs. Return how each went."""
    _free_gone()
    due = set(Reaper.objects.filter(_is_due()).values_list("name", flat=True))
    parts = (_run_if_due(kind) for kind in all_reapers() if kind.row in due)
    return [part for part in parts if part is not None]


def run_now(kind: ReaperKind) -> Part:
    """Run one by hand, due or not, and write the result down."""
    epoch: int | None = None
    try:
        Reaper.objects.bulk_create([Reaper(name=kind.row, every=kind.every)], ignore_conflicts=True)
        epoch = _claim(kind, Q())
    except DatabaseFault as fault:  # the function itself says whether it can do without
        log.warning("reaper.not_claimed", reaper=kind.name, error=str(fault))
    return _run(kind, epoch)


def look(kind: ReaperKind) -> Part:
    """Only count what a run would put right."""
    return _call(kind, dry_run=True)


def ask_for(names: Iterable[str]) -> int:
    """Let the next housekeeper that looks run these rows, whatever their interval says. Return how many will be."""
    return Reaper.objects.filter(name__in=list(names), lease_until=None).update(due_at=Now())


def ask_for_room() -> int:
    """Let everything that frees room on this host's disk, or on everybody's, run at once."""
    return ask_for(kind.row for kind in all_reapers() if kind.frees_disk)


def is_overdue(row: Reaper, *, now: Any) -> bool:
    """Whether nobody ran it for so long after it was due that no housekeeper can be at work."""
    return bool(now - row.due_at > max(OVERDUE, row.every)) if row.lease_until is None else bool(now > row.lease_until + OVERDUE)


def is_known(row: Reaper) -> bool:
    """Whether a housekeeper of this host could run it."""
    kind = find(row.name)
    return kind is not None and (not kind.per_host or row.name.endswith(f"@{this_host()}"))


def _is_due() -> Q:
    return Q(due_at__lte=Now(), lease_until__isnull=True) | Q(lease_until__lte=Now())


def _run_if_due(kind: ReaperKind) -> Part | None:
    epoch = _claim(kind, _is_due())
    return None if epoch is None else _run(kind, epoch)


def _claim(kind: ReaperKind, condition: Q) -> int | None:
    """Return the epoch of a run that is ours, or None when it is not for us to run."""
    row = Reaper.objects.filter(condition, name=kind.row).first()
    if row is None:
        return None
    mine = Reaper.objects.filter(condition, name=kind.row, epoch=row.epoch).update(
        epoch=row.epoch + 1, owner=this_owner(), started_at=Now(), due_at=Now() + kind.every, lease_until=Now() + LEASE
    )
    return row.epoch + 1 if mine else None


def _run(kind: ReaperKind, epoch: int | None) -> Part:
    began = time.monotonic()
    point("reapers.run.claimed")
    part = _call(kind, dry_run=False)
    point("reapers.run.done")
    if epoch is not None:
        _write_down(kind, epoch, part)
    if part.count:
        log.info("reaper.done", reaper=kind.name, count=part.count, seconds=round(time.monotonic() - began, 3))
    return part


def _call(kind: ReaperKind, *, dry_run: bool) -> Part:
    try:
        return Part(kind.name, count=kind.function(dry_run=dry_run))
    except Exception as error:
        log.exception("reaper.failed", reaper=kind.name)
        return Part(kind.name, error=" ".join(f"{type(error).__name__}: {error}".split())[:500])


def _write_down(kind: ReaperKind, epoch: int, part: Part) -> None:
    mine = Reaper.objects.filter(name=kind.row, epoch=epoch)
    values: dict[str, Any] = {"ended_at": Now(), "lease_until": None, "result": part.count, "error": part.error, "runs": F("runs") + 1}
    try:
        if not part.error:
            mine.update(failures=0, **values)
            return
        failures = mine.values_list("failures", flat=True).first() or 0
        mine.update(failures=failures + 1, due_at=Now() + min(kind.every, MINUTE * 2 ** min(failures, 10)), **values)
    except DatabaseFault as fault:  # the work is done all the same; the lease's end lets it run again
        log.warning("reaper.not_written_down", reaper=kind.name, error=str(fault))


def _free_gone() -> None:
    """End leases of processes of this machine that have certainly ended."""
    for row in Reaper.objects.filter(lease_until__gt=Now(), owner__startswith=f"{this_place()}/"):
        owner = Owner.parse(row.owner)
        if owner is not None and is_gone(owner):
            Reaper.objects.filter(name=row.name, epoch=row.epoch).update(lease_until=Now())
