"""Checkpoints of one append: durable first, then committed, and told only after both. They run beside the writing of what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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

from .core import Append

MOST_PENDING = 4  # checkpoints' worth of bytes written before the writer waits for the disk
DATABASE_PATIENCE_SECONDS = 12.0
FULL_RETRY_SECONDS = 30

Told = Callable[[int], Awaitable[None]]


@dataclass(eq=False)
class Checkpoints:
    """Takes what was written to a commit, whatever store holds it.

    Args:
        lease: the right to commit; replaced when the length becomes known.
        digest: of the bytes since the last commit.
        told: called with every offset committed on the way, to be acknowledged to a client that listens for it.
    """

    appender: Appender
    lease: Lease
    core: Append
    digest: RunningDigest
    told: Told | None = None
    _flushing: asyncio.Task[bool] | None = None

    async def begin(self) -> None:
        """Checkpoint beside the writing of what comes next; one at a time, and never far behind."""
        core = self.core
        if self._flushing is not None and not self._flushing.done() and core.pending < MOST_PENDING * core.pace.checkpoint_bytes:
            return
        await self.flushed()
        if core.checkpoint_due(now()):
            self._flushing = asyncio.create_task(self.make(last=False))

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
        """Make what was written durable, then commit it. Return True when the commit also gave the lease back.

        A file whose last byte was committed before its length was known is completed without a new byte.
        """
        old, new = self.core.committed, self.core.written
        if new == old and not (last and self.core.complete):
            return False
        if not self.appender.hold(new) and not last:
            self.core.committed_at(old, now())
            return False
        cut = self.digest.cut(start=old, length=new - old)
        try:
            placed = await files(self.appender.save, new)
        except WriteFailed as failure:
            raise storage_error(failure) from failure
        segment = await cut.sealed() if new > old else None
        await self._commit(segment, placed, old=old, new=new, last=last, interrupted=interrupted)
        self.core.committed_at(new, now())
        if placed is not None:
            await files(self.appender.kept, placed, new)
        if self.told is not None and not last:
            await self.told(new)
        return last

    async def _commit(self, segment: Segment | None, placed: Placed | None, *, old: int, new: int, last: bool, interrupted: bool) -> None:
        """Commit, trying again while the database is away: the bytes are durable, only the row is missing."""
        deadline, pause = now() + DATABASE_PATIENCE_SECONDS, 0.1
        # An open end reaches the length before the request says that the file ends there (Upload-Complete).
        done = self.core.completes_at(new)
        while True:
            try:
                return await database(
                    commit_offset, self.lease, old=old, new=new, last=last, interrupted=interrupted, segment=segment, completes=done, placed=placed
                )
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
