"""Reserving room for an upload, so that two that begin at once cannot both take the last of it.

A reservation is the session's own row: while it is open, its announced length counts. What must not happen is that two transactions
read the same use, and both insert. So:

1. Far from every limit, creations take a lock they share with each other, read, and insert: none waits for another.
2. Near a limit they take it alone, which waits for those under way, and read what is really there.

"Far" is chosen so that all transactions a database can have at once, each of which read before the others committed, stay within the
limit together: at most half is used, and each takes at most a thousandth (or one, of a count) with at most `_AT_ONCE` of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from resilience.errors import AppError
from uploads.admission import human_size
from uploads.errors.limits import DailyReached, QuotaReached, ServiceBusy, ServiceDailyReached, ServiceFull, TooManyOpen
from uploads.models import UploadSession

from .usage import DAY, Usage, begun_today, usage_of

_AT_ONCE = 500
_SMALL_SHARE = 1000
_LOCK_CLASS = 0x55504C44  # "UPLD": ours among the database's advisory locks
_EVERYBODY = 0
_MOMENT = 0.25  # seconds that a reading far from every limit is good for
_MOST_READINGS = 10_000
_readings: dict[int | None, tuple[float, Usage]] = {}  # by whom (None: everybody), when, and what was used
HOUR = 3600.0
SOON = 60.0


class Tight(Exception):
    """Near a limit: read again with the lock held alone. Roll the transaction back and call `reserve` with `alone`."""


def reserve(owner_id: int, length: int, *, alone: bool) -> None:
    """Make sure that an upload of `length` bytes fits, until the caller's transaction, which inserts its row, is over.

    Raises:
        Tight: not to be told without `alone`.
        QuotaReached, DailyReached, TooManyOpen: the owner's limits.
        ServiceFull, ServiceDailyReached, ServiceBusy: everybody's.
    """
    if _limited(_limits_of_all()):
        _lock(_EVERYBODY, alone=alone)
    limits = _limits_of_owner()
    if _limited(limits):
        _lock(owner_id, alone=alone)
        used = usage_of(owner_id)
        if not alone and not _far(used, limits, length):
            raise Tight
        _require_of_owner(owner_id, used, limits, length)
    reserve_of_all(length, alone=alone)


def reserve_of_all(length: int, *, alone: bool) -> None:
    """Make sure that it fits beside everybody's, as `reserve` does, which takes this lock before the owner's.

    Raises:
        Tight, ServiceFull, ServiceDailyReached, ServiceBusy.
    """
    limits = _limits_of_all()
    if _limited(limits):
        _lock(_EVERYBODY, alone=alone)
        used = usage_of(None)
        if not alone and not _far(used, limits, length):
            raise Tight
        _require_of_all(used, limits, length)


def reserve_many(wanted: Sequence[tuple[int, int]]) -> list[AppError | None]:
    """Reserve for several uploads at once, each `(owner_id, length)`, inside the transaction that inserts their rows.

    Near a limit its lock is taken alone, so that what is read is what is there: the rows of a batch share one lock, one reading and one
    commit. Far from it, a reading of a moment ago will do: half of the limit would have to be begun elsewhere within that moment. Locks are
    taken in order.

    Returns:
        For each None, or why it does not fit beside those before it.
    """
    if len(_readings) > _MOST_READINGS:
        _readings.clear()
    rooms = _rooms(wanted)
    answers: list[AppError | None] = []
    for owner_id, length in wanted:
        concerned = [rooms[whom] for whom in (owner_id, None) if whom in rooms]
        refusal = next((refusal for room in concerned if (refusal := room.refusal(length)) is not None), None)
        answers.append(refusal)
        for room in concerned if refusal is None else ():
            room.take(length)
    for room in rooms.values():
        _readings[room.owner_id] = (room.read_at, room.used)
    return answers


def _rooms(wanted: Sequence[tuple[int, int]]) -> dict[int | None, _Room]:
    """Open what is limited: everybody's first, then people's in order."""
    rooms: dict[int | None, _Room] = {}
    of_all, of_owner = _limits_of_all(), _limits_of_owner()
    if _limited(of_all):
        rooms[None] = _Room(None, of_all, sum(length for _owner, length in wanted))
    if _limited(of_owner):
        for owner_id in sorted({owner_id for owner_id, _length in wanted}):
            rooms[owner_id] = _Room(owner_id, of_owner, sum(length for owner, length in wanted if owner == owner_id))
    return rooms


class _Room:
    """What one person, or everybody (None), has left: read, and counted down.

    Args:
        length: bytes wanted of it in all.
    """

    def __init__(self, owner_id: int | None, limits: Usage, length: int) -> None:
        self.owner_id, self.limits = owner_id, limits
        self.read_at, self.used = _readings.get(owner_id, (0.0, Usage(0, 0, 0)))
        alone = time.monotonic() - self.read_at > _MOMENT or not _far(self.used, limits, length)
        _lock(_EVERYBODY if owner_id is None else owner_id, alone=alone)
        if alone:
            self.read_at, self.used = time.monotonic(), usage_of(owner_id)

    def refusal(self, length: int) -> AppError | None:
        try:
            if self.owner_id is None:
                _require_of_all(self.used, self.limits, length)
            else:
                _require_of_owner(self.owner_id, self.used, self.limits, length)
        except AppError as refusal:
            return refusal
        return None

    def take(self, length: int) -> None:
        self.used = Usage(self.used.stored + length, self.used.today + length, self.used.open + 1)


def _limits_of_owner() -> Usage:
    return Usage(settings.UPLOAD_USER_QUOTA, settings.UPLOAD_USER_DAILY, settings.UPLOAD_USER_OPEN)


def _limits_of_all() -> Usage:
    return Usage(settings.UPLOAD_ALL_QUOTA, settings.UPLOAD_ALL_DAILY, settings.UPLOAD_ALL_OPEN)


def reserve_length(session_id: int, length: int) -> None:
    """Reserve for an upload whose length was not known when it began, inside the transaction that sets it.

    Raises:
        QuotaReached, DailyReached: it does not fit.
    """
    found = UploadSession.objects.filter(pk=session_id, length=None).values_list("owner_id", "committed").first()
    limits = replace(_limits_of_owner(), open=0)  # it is among the open ones already
    if found is None or not _limited(limits):
        return
    owner_id, committed = found
    hold_alone(owner_id)
    used = usage_of(owner_id)
    others = Usage(used.stored - committed, used.today - committed, open=0)
    _require_of_owner(owner_id, others, limits, length)


def hold_alone(owner_id: int) -> None:
    """Let nobody else begin or accept an upload of this person until the transaction is over."""
    _lock(owner_id, alone=True)


def _limited(limits: Usage) -> bool:
    return bool(limits.stored or limits.today or limits.open)


def _lock(whom: int, *, alone: bool) -> None:
    kind = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(%s, %s)", [_LOCK_CLASS, whom % 2**31])


def _far(used: Usage, limits: Usage, length: int) -> bool:
    for have, limit in ((used.stored, limits.stored), (used.today, limits.today)):
        if limit and (have > limit // 2 or length > limit // _SMALL_SHARE):
            return False
    return not limits.open or used.open + _AT_ONCE <= limits.open


def _require_of_owner(owner_id: int, used: Usage, limits: Usage, length: int) -> None:
    if limits.stored and used.stored + length > limits.stored:
        raise QuotaReached(**sizes(length, used.stored, limits.stored))
    if limits.today and used.today + length > limits.today:
        wait = seconds_until_room(owner_id, excess=used.today + length - limits.today)
        raise DailyReached(retry_after=wait, **sizes(length, used.today, limits.today))
    if limits.open and used.open >= limits.open:
        raise TooManyOpen(retry_after=SOON, used=used.open, limit=limits.open)


def _require_of_all(used: Usage, limits: Usage, length: int) -> None:
    if limits.stored and used.stored + length > limits.stored:
        raise ServiceFull(retry_after=HOUR, **sizes(length, used.stored, limits.stored))
    if limits.today and used.today + length > limits.today:
        raise ServiceDailyReached(retry_after=HOUR, **sizes(length, used.today, limits.today))
    if limits.open and used.open >= limits.open:
        raise ServiceBusy(retry_after=SOON, used=used.open, limit=limits.open)


def seconds_until_room(owner_id: int, *, excess: int) -> float:
    """Return when enough of today's bytes will be a day old; a whole day for a file that is too large for any day."""
    for counted, age in begun_today(owner_id):
        excess -= counted
        if excess <= 0:
            remaining: timedelta = DAY - age
            return max(1.0, remaining.total_seconds())
    return DAY.total_seconds()


def sizes(length: int, used: int, limit: int) -> dict[str, Any]:
    """The fields of an error about bytes."""
    texts = {"size_text": human_size(length), "used_text": human_size(used), "limit_text": human_size(limit)}
    return {"size": length, "used": used, "limit": limit, **texts}
