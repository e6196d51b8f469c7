"""The shell around the append core: takes body, bytes and rows through the contract's order.

lock the bytes → lease → right offset? → receive, write → make durable → commit → acknowledge.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from django.conf import settings

from resilience.errors import AppError
from resilience.http.translate import DATABASE_DOWN
from uploads.errors import (
    BeyondLength,
    OffsetMismatch,
    ServerRestarting,
    StorageFailed,
    StorageFull,
    UploadBusy,
    UploadCorrupt,
    UploadStalled,
    WriterReplaced,
)
from uploads.inspection.magic import refusal_of_start
from uploads.integrity.chain import Segment
from uploads.integrity.running import RunningDigest
from uploads.models import SessionState, UploadSession
from uploads.services.abort import mark_corrupt, refuse
from uploads.services.commit import Fenced, commit_offset
from uploads.services.ended import why_ended
from uploads.services.lease import Lease, ask_to_stop, release_lease, take_lease
from uploads.store import Appender, StoreBusy, StoreMissing, WriteFailed, store
from uploads.threads import database, files

from . import active
from .active import Stop
from .body import Body, End
from .core import SNIFF_BYTES, Append, BeyondAnnounced, Pace

log = structlog.get_logger(__name__)

BATCH_BYTES = 2**20
MOST_PENDING = 4  # checkpoints' worth of bytes written before the writer waits for the disk
LOCK_POLL_SECONDS = 0.03
DATABASE_PATIENCE_SECONDS = 12.0
FULL_RETRY_SECONDS = 30


class ClientGone(Exception):
    """The client hung up; what it sent is kept, and nobody is left to answer."""


@dataclass(eq=False)
class Writer:
    """One request that appends.

    Args:
        session: as read when the request was authorised.
        offset: where the client says it goes on, bytes.
        may_be_anything: skip judging the first bytes.
    """

    session: UploadSession
    body: Body
    offset: int
    may_be_anything: bool
    committed: int = 0
    _lease: Lease | None = None
    _reason: Stop | None = None
    _flushing: asyncio.Task[bool] | None = None
    _digest: RunningDigest = field(init=False)

    @property
    def epoch(self) -> int | None:
        return self._lease.epoch if self._lease else None

    def stop(self, reason: Stop) -> None:
        self._reason = self._reason or reason
        self.body.wake()

    async def run(self) -> int:
        """Append the body and return the committed offset; on every error, what arrived is committed if it can be.

        Raises:
            OffsetMismatch, BeyondLength: the request does not fit; nothing of it is kept.
            UploadBusy: another writer did not stop in time.
            WriterReplaced, ServerRestarting, UploadStalled, StorageFull, StorageFailed: ended early, the prefix is kept.
            UploadCorrupt: our storage lost bytes it had promised.
            ClientGone: the client hung up.
            An error of the refusals: the first bytes are not media.
            OperationalError: the database stayed away; nothing since the last checkpoint is acknowledged.
        """
        await active.enter(self.session.pk, self)
        try:
            appender = await self._lock()
            try:
                return await self._append(appender)
            finally:
                await files(appender.close)
        finally:
            active.leave(self.session.pk, self)

    async def _lock(self) -> Appender:
        """Take the bytes; a writer in another process is asked to stop first."""
        loop = asyncio.get_running_loop()
        deadline, asked = loop.time() + active.HAND_OVER_SECONDS, False
        while True:
            try:
                return await files(store().open, self.session.storage_key)
            except StoreMissing:
                raise await self._lost() from None
            except StoreBusy:
                if loop.time() > deadline:
                    raise UploadBusy(retry_after=1) from None
            if not asked:
                await database(ask_to_stop, self.session.pk)
                asked = True
            await asyncio.sleep(LOCK_POLL_SECONDS)

    async def _append(self, appender: Appender) -> int:
        lease = await database(take_lease, self.session.pk)
        if lease is None:
            raise await self._not_receiving()
        self._lease, self._digest, self.committed = lease, RunningDigest(self.session.public_id, lease.chain), lease.committed
        released = False
        try:
            await self._prepare(appender, lease)
            pace = Pace(settings.UPLOAD_CHECKPOINT_BYTES, settings.UPLOAD_CHECKPOINT_SECONDS)
            sniffed = self.may_be_anything or lease.committed >= SNIFF_BYTES
            core = Append(committed=lease.committed, length=lease.length, pace=pace, started=_now(), sniffed=sniffed)
            over = await self._receive(appender, core)
            await self._flushed()
            released = await self._checkpoint(appender, core, last=True, interrupted=over is not End.WHOLE)
            return self._outcome(core, over)
        except Fenced:
            raise await self._not_receiving() from None
        finally:
            if self._flushing is not None:
                await asyncio.gather(self._flushing, return_exceptions=True)  # never close a file under a running sync
            if not released:
                await self._release(lease)

    async def _prepare(self, appender: Appender, lease: Lease) -> None:
        """Compare storage with what was promised, then the request with both; drop the tail nobody was told about."""
        size = await files(appender.size)
        if size < lease.committed:
            raise await self._lost()
        if self.offset != lease.committed:
            raise OffsetMismatch(expected_offset=lease.committed, provided_offset=self.offset)
        if size > lease.committed:
            await files(appender.truncate, lease.committed)

    async def _receive(self, appender: Appender, core: Append) -> End | Stop | UploadStalled:
        """Write what comes until the body ends, the client falls silent, or somebody asks us to stop. Say which."""
        self.body.start()
        while True:
            await self.body.wait(minimum=BATCH_BYTES, seconds=self._patience(core))
            chunks, size = self.body.take()
            if size:
                await self._write(appender, core, chunks, size)
            over = self._over()
            if over is not None:
                return over
            if core.checkpoint_due(_now()) and not core.complete:
                await self._begin_checkpoint(appender, core)

    def _patience(self, core: Append) -> float:
        silence = settings.UPLOAD_READ_TIMEOUT_SECONDS - (_now() - self.body.last_arrival)
        due = core.seconds_to_checkpoint(_now()) or settings.UPLOAD_CHECKPOINT_SECONDS
        return max(0.0, min(silence, due))

    def _over(self) -> End | Stop | UploadStalled | None:
        if self.body.end is not None:
            return self.body.end
        if self._reason is not None:
            return self._reason
        if _now() - self.body.last_arrival >= settings.UPLOAD_READ_TIMEOUT_SECONDS:
            return UploadStalled(seconds=round(settings.UPLOAD_READ_TIMEOUT_SECONDS), retry_after=1)
        return None

    async def _write(self, appender: Appender, core: Append, chunks: list[bytes], size: int) -> None:
        try:
            core.offer(size)
        except BeyondAnnounced:
            raise BeyondLength(length=core.length, offset=core.committed) from None
        try:
            await files(appender.write, chunks, offset=core.written)
        except WriteFailed as failure:
            await self._wrote(core, chunks, failure.written)
            await self._keep_what_fits(appender, core)
            raise _storage_error(failure) from failure
        await self._wrote(core, chunks, size)
        if core.sniff_due():
            await self._judge(appender, core)

    async def _wrote(self, core: Append, chunks: list[bytes], size: int) -> None:
        """Count bytes as written and begin to hash them; no commit comes in between."""
        await self._digest.ready()
        core.wrote(size)
        self._digest.add(chunks, size)

    async def _keep_what_fits(self, appender: Appender, core: Append) -> None:
        await self._flushed()
        if core.pending and not core.sniff_due():
            await self._checkpoint(appender, core, last=False)

    async def _judge(self, appender: Appender, core: Append) -> None:
        """Say what the first bytes are, once, before any of them is acknowledged."""
        start = await files(appender.head, SNIFF_BYTES)
        error = refusal_of_start(start, name=self.session.file_name, whole=core.complete)
        core.sniffed = True
        if error is not None:
            await database(refuse, self.session, error)
            raise error

    async def _begin_checkpoint(self, appender: Appender, core: Append) -> None:
        """Checkpoint beside the writing of what comes next; one at a time, and never far behind."""
        if self._flushing is not None and not self._flushing.done() and core.pending < MOST_PENDING * core.pace.checkpoint_bytes:
            return
        await self._flushed()
        if core.checkpoint_due(_now()):
            self._flushing = asyncio.create_task(self._checkpoint(appender, core, last=False))

    async def _flushed(self) -> None:
        """Wait for the checkpoint under way, and raise what it raised."""
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            await flushing

    async def _checkpoint(self, appender: Appender, core: Append, *, last: bool, interrupted: bool = False) -> bool:
        """Make what was written durable, then commit it. Return True when the commit also gave the lease back."""
        assert self._lease is not None
        old, new = core.committed, core.written
        if new == old:
            return False
        cut = self._digest.cut(start=old, length=new - old)
        try:
            await files(appender.sync)
        except WriteFailed as failure:
            raise _storage_error(failure) from failure
        await self._commit(self._lease, await cut.sealed(), old=old, new=new, last=last, interrupted=interrupted)
        core.committed_at(new, _now())
        self.committed = new
        return last

    async def _commit(self, lease: Lease, segment: Segment, *, old: int, new: int, last: bool, interrupted: bool) -> None:
        """Commit, trying again while the database is away: the bytes are durable, only the row is missing."""
        deadline, pause = _now() + DATABASE_PATIENCE_SECONDS, 0.1
        while True:
            try:
                return await database(commit_offset, lease, old=old, new=new, last=last, interrupted=interrupted, segment=segment)
            except DATABASE_DOWN:
                if _now() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)

    def _outcome(self, core: Append, over: End | Stop | UploadStalled) -> int:
        if over is End.WHOLE or core.complete:
            return core.committed
        if over is Stop.REPLACED:
            raise WriterReplaced(retry_after=1)
        if over is Stop.DRAINING:
            raise ServerRestarting(retry_after=1)
        if isinstance(over, UploadStalled):
            raise over
        raise ClientGone

    async def _release(self, lease: Lease) -> None:
        try:
            await database(release_lease, lease)
        except DATABASE_DOWN as failure:  # the lock on the bytes is what others look at; the row only hints
            log.warning("upload.lease_not_released", upload=self.session.public_id, reason=type(failure).__name__)

    async def _lost(self) -> AppError:
        if await database(mark_corrupt, self.session):
            log.error("upload.corrupt", upload=self.session.public_id, committed=self.session.committed)
            return UploadCorrupt()
        return await self._not_receiving()

    async def _not_receiving(self) -> AppError:
        """Say why this upload takes no more bytes of ours: it ended, or a newer writer has it."""
        session = await database(UploadSession.objects.get, pk=self.session.pk)
        error = why_ended(session)
        if error is not None:
            return error
        if session.state == SessionState.RECEIVING:
            return WriterReplaced(retry_after=1)
        return OffsetMismatch(expected_offset=session.committed, provided_offset=self.offset)


def _storage_error(failure: WriteFailed) -> AppError:
    return StorageFull(retry_after=FULL_RETRY_SECONDS) if failure.full else StorageFailed(retry_after=5)


def _now() -> float:
    return asyncio.get_running_loop().time()
