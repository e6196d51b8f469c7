"""Checkpoints of one append: durable first, then committed, and told only after both. They run beside the writing of what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resilience.circuits import CircuitOpen
from resilience.errors import AppError
from resilience.http.translate import DATABASE_DOWN
from uploads.errors import StorageAway, StorageFailed, StorageFull
from uploads.integrity.chain import Segment
from uploads.integrity.running import RunningDigest
from uploads.services.commit import commit_offset
from uploads.services.lease import Lease
from uploads.store import Appender, Placed, WriteFailed
from uploads.threads import database, files

from .batch import Saved, saved
from .core import Append

MOST_PENDING = 4  # checkpoints' worth of bytes written before the writer waits for the disk
DATABASE_PATIENCE_SECONDS = 12.0
FULL_RETRY_SECONDS = 30

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Point:
    """One commit to come: from which offset to which, and the segment of the chain between them."""

    old: int
    new: int
    segment: Segment | None


@dataclass(eq=False)
class Checkpoints:
    """Takes what was written to a commit, whatever store holds it.

    Args:
        lease: the right to commit; replaced when the length becomes known.
        digest: of the bytes since the last commit.
        told: called with every offset committed on the way, to be acknowledged to a client that listens for it.
        saved: bytes that were made durable together with the writing of the last of them.
        expires_at: when the upload ends by itself, as the last commit told; None before that, and where it did not tell.
    """

    appender: Appender
    lease: Lease
    core: Append
    digest: RunningDigest
    told: Told | None = None
    saved: Saved | None = None
    expires_at: datetime | None = None
    _flushing: asyncio.Task[bool] | None = None

    @property
    def under_way(self) -> bool:
        return self._flushing is not None and not self._flushing.done()

    async def begin(self) -> None:
        """Checkpoint beside the writing of what comes next; one at a time, and never far behind. No write may be under way."""
        core = self.core
        if self.under_way and core.pending < MOST_PENDING * core.pace.checkpoint_bytes:
            return
        await self.flushed()
        point = self._point(last=False) if core.checkpoint_due(now()) else None
        if point is not None:
            self._flushing = asyncio.create_task(self._carry(point, last=False, interrupted=False))

    async def flushed(self) -> None:
        """Wait for the checkpoint under way, and raise what it raised."""
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            await flushing

    async def quiet(self) -> None:
        """Wait for the checkpoint under way, whatever comes of it: a file is never closed under a running sync."""
        if self._flushing is not None:
            await asyncio.gather(self._flushing, return_exceptions=True)

    async def make(self, *, last: bool, interrupted: bool = False) -> bool:
        """Make what was written durable, then commit it. Return True when the commit also gave the lease back. No write may be under way.

        A file whose last byte was committed before its length was known is completed without a new byte.
        """
        point = self._point(last=last)
        return False if point is None else await self._carry(point, last=last, interrupted=interrupted)

    def _point(self, *, last: bool) -> Point | None:
        """End the segment here: at once, before another byte can get into its digest."""
        old, new = self.core.committed, self.core.written
        if new == old and not (last and self.core.complete):
            return None
        if not self._is_saved(new) and not self.appender.hold(new) and not last:
            self.core.committed_at(old, now())
            return None
        return Point(old, new, self.digest.cut(start=old, length=new - old) if new > old else None)

    async def _carry(self, point: Point, *, last: bool, interrupted: bool) -> bool:
        done = self.saved if self.saved and self._is_saved(point.new) else await files(saved, self.appender, point.new)
        if done.failure is not None:
            raise storage_error(done.failure) from done.failure
        await self._commit(point, done.placed, last=last, interrupted=interrupted)
        self.core.committed_at(point.new, now())
        if done.placed is not None:
            await files(self.appender.kept, done.placed, point.new)
        if self.told is not None and not last:
            await self.told(point.new)
        return last

    def _is_saved(self, size: int) -> bool:
        return self.saved is not None and self.saved.size == size

    async def _commit(self, point: Point, placed: Placed | None, *, last: bool, interrupted: bool) -> None:
        """Commit, trying again while the database is away: the bytes are durable, only the row is missing."""
        deadline, pause = now() + DATABASE_PATIENCE_SECONDS, 0.1
        # An open end reaches the length before the request says that the file ends there (Upload-Complete).
        what: dict[str, Any] = {"segment": point.segment, "completes": self.core.completes_at(point.new), "placed": placed}
        while True:
            try:
                self.expires_at = await database(commit_offset, self.lease, old=point.old, new=point.new, last=last, interrupted=interrupted, **what)
                return
            except DATABASE_DOWN:
                if now() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)


def storage_error(failure: WriteFailed) -> AppError:
    cause = failure.__cause__
    if isinstance(cause, CircuitOpen):
        return StorageAway(retry_after=cause.retry_after or 1)
    if isinstance(cause, AppError):
        return cause
    return StorageFull(retry_after=FULL_RETRY_SECONDS) if failure.full else StorageFailed(retry_after=5)


def now() -> float:
    return asyncio.get_running_loop().time()
