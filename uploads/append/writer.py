"""The shell around the append core: takes body, bytes and rows through the contract's order.

lock the bytes → lease → right offset? → receive, write → make durable → commit → acknowledge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from resilience.errors import AppError
from resilience.faults import point
from uploads.admission import too_large
from uploads.attachments.policy import refusal_of_start
from uploads.errors import (
    BeyondLength,
    LengthInconsistent,
    OffsetMismatch,
    ServerRestarting,
    UploadStalled,
    WriterReplaced,
)
from uploads.errors.limits import TooSlow
from uploads.integrity.running import RunningDigest
from uploads.models import UploadSession
from uploads.services.abort import refuse
from uploads.services.commit import Fenced
from uploads.services.lease import Lease, take_lease
from uploads.services.length import fix_length
from uploads.store import Appender, HeldAlone, StoreMissing, WriteFailed
from uploads.threads import database, files

from . import active
from .active import Stop
from .batch import Batch
from .body import Body, End
from .checkpoints import Checkpoints, Told, now, storage_error
from .core import SNIFF_BYTES, Append, BeyondAnnounced, Pace
from .lock import lock, release
from .part import Part
from .promised import Promised
from .refusing import fenced, lost, not_receiving

BATCH_BYTES = 2**20


class ClientGone(Exception):
    """The client hung up; what it sent is kept, and nobody is left to answer."""


@dataclass(eq=False)
class Writer:
    """One request that appends.

    Args:
        session: as read when the request was authorised.
        offset: where the client says it goes on, bytes.
        may_be_anything: skip judging the first bytes.
        part: what the request says about its body besides that.
        told: acknowledges the offsets committed before the body ends, to a client that asked for it.
    """

    session: UploadSession
    body: Body
    offset: int
    may_be_anything: bool
    part: Part = field(default_factory=Part)
    told: Told | None = None
    _reason: Stop | None = None
    _points: Checkpoints | None = None
    _promised: Promised = field(init=False)

    def __post_init__(self) -> None:
        self._promised = Promised(self.part.whole)

    @property
    def epoch(self) -> int | None:
        return self._points.lease.epoch if self._points else None

    @property
    def committed(self) -> int:
        """The offset the database holds, as far as this writer knows; bytes."""
        return self._points.core.committed if self._points else 0

    @property
    def expires_at(self) -> datetime | None:
        """When the upload ends by itself, where the last commit told."""
        return self._points.expires_at if self._points else None

    def stop(self, reason: Stop) -> None:
        self._reason = self._reason or reason
        self.body.wake()

    async def run(self) -> int:
        """Append the body and return the committed offset; on every error, what arrived is committed if it can be.

        Raises:
            OffsetMismatch, BeyondLength, TooLarge, LengthInconsistent: the request does not fit.
            ChecksumMismatch, DigestMismatch: the body is not what was announced; nothing of it is kept.
            UploadBusy: another writer did not stop in time.
            TooManyRequests: its owner sends over too many connections.
            WriterReplaced, ServerRestarting, UploadStalled, StorageFull, StorageFailed: ended early, the prefix is kept.
            UploadCorrupt: our storage lost bytes it had promised.
            ClientGone: the client hung up.
            An error of the refusals: the first bytes are not media.
            OperationalError: the database stayed away; nothing since the last checkpoint is acknowledged.
        """
        await active.enter(self.session.pk, self, owner_id=self.session.owner_id)
        try:
            try:
                appender = await lock(self.session)
            except StoreMissing:
                raise await lost(self.session, offset=self.offset) from None
            try:
                return await self._append(appender)
            finally:
                await self._close(appender)
        finally:
            active.leave(self.session.pk, self)

    async def _close(self, appender: Appender) -> None:
        if self._points is not None and not self._points.core.pending:
            appender.close()  # nothing waits to be written back: no file system takes time over that
        else:
            await files(appender.close)

    async def _append(self, appender: Appender) -> int:
        lease = await database(take_lease, self.session.pk)
        if lease is None:
            raise await not_receiving(self.session, offset=self.offset)
        point("uploads.append.leased")
        points = self._points = Checkpoints(appender, lease, self._core(lease), RunningDigest(self.session.public_id, lease.chain), self.told)
        released = False
        try:
            await self._prepare(appender, lease)
            await self._promised.begin(appender, committed=lease.committed)
            if self.part.length is not None:
                await self._fix_length(points, self.part.length)
            over = await self._receive(points)
            await self._verify(points, over)
            if self.part.ends and over is End.WHOLE and points.core.length is None:
                await self._fix_length(points, points.core.written)
            await self._require_promised(points)
            if points.core.sniff_due():
                await self._judge(points)
            await points.flushed()
            released = await points.make(last=True, interrupted=over is not End.WHOLE)
            return self._outcome(points.core, over)
        except Fenced:
            raise await fenced(self.session, offset=self.offset) from None
        finally:
            await points.quiet()
            if not released:
                await release(points.lease, upload=self.session.public_id)

    def _core(self, lease: Lease) -> Append:
        return Append(
            committed=lease.committed,
            length=lease.length,
            pace=Pace(settings.UPLOAD_CHECKPOINT_BYTES, settings.UPLOAD_CHECKPOINT_SECONDS),
            started=now(),
            sniffed=self.may_be_anything or lease.committed >= SNIFF_BYTES,
            open_end=self.part.ends is False,
            limit=settings.UPLOAD_MAX_SIZE,
        )

    async def _prepare(self, appender: Appender, lease: Lease) -> None:
        """Compare storage with what was promised, then the request with both; drop the tail nobody was told about."""
        size = appender.found if isinstance(appender, HeldAlone) else await files(appender.size)
        if size < lease.committed:
            raise await lost(self.session, offset=self.offset)
        if self.offset != lease.committed:
            raise OffsetMismatch(expected_offset=lease.committed, provided_offset=self.offset)
        if size > lease.committed:
            await files(appender.truncate, lease.committed)

    async def _fix_length(self, points: Checkpoints, length: int) -> None:
        """Note how long the file is, once and for all, before anything is built on it."""
        points.lease = await database(fix_length, points.lease, length, completes=not points.core.open_end)
        points.core.length = length

    async def _receive(self, points: Checkpoints) -> End | Stop | UploadStalled:
        """Write what comes until the body ends, the client falls silent, or somebody asks us to stop. Say which."""
        self.body.start()
        while True:
            await self.body.wait(minimum=BATCH_BYTES, seconds=self._patience(points.core))
            chunks, size = self.body.take()
            if size:
                await self._write(points, Batch(chunks, size, points.core.written), last=self._over() is not None)
                self.body.let_go()
            over = self._over()
            if over is not None:
                return over
            if self.part.proof is None and points.core.checkpoint_due(now()) and not points.core.complete:
                await points.begin()

    async def _verify(self, points: Checkpoints, over: End | Stop | UploadStalled) -> None:
        """Compare the body with what was announced for it; unless it matches, nothing of it stays."""
        failure = self.part.proof.failure() if self.part.proof else None
        if failure is None:
            return
        await self._discard(points)
        if over is End.WHOLE:
            raise failure

    async def _require_promised(self, points: Checkpoints) -> None:
        """Refuse a file that arrived whole and is not the one promised, before its last bytes are acknowledged."""
        failure = self._promised.failure() if points.core.complete else None
        if failure is not None:
            await points.flushed()
            await database(refuse, self.session, failure)
            raise failure

    async def _discard(self, points: Checkpoints) -> None:
        await files(points.appender.truncate, points.core.committed)
        points.core.written = points.core.committed
        points.digest.forget()

    def _patience(self, core: Append) -> float:
        silence = settings.UPLOAD_READ_TIMEOUT_SECONDS - (now() - self.body.last_arrival)
        due = core.seconds_to_checkpoint(now()) or settings.UPLOAD_CHECKPOINT_SECONDS
        return max(0.0, min(silence, due))

    def _over(self) -> End | Stop | UploadStalled | None:
        if self.body.end is not None:
            return self.body.end
        if self._reason is not None:
            return self._reason
        if now() - self.body.last_arrival >= settings.UPLOAD_READ_TIMEOUT_SECONDS:
            return UploadStalled(seconds=round(settings.UPLOAD_READ_TIMEOUT_SECONDS), retry_after=1)
        if self.body.rate.too_slow:
            return TooSlow(seconds=round(self.body.rate.seconds), limit=self.body.rate.bytes_per_second, retry_after=1)
        return None

    async def _write(self, points: Checkpoints, batch: Batch, *, last: bool) -> None:
        """Write a batch; the last one is made durable in the same go where nothing has to be compared before."""
        core, proof = points.core, self.part.proof
        try:
            core.offer(batch.size)
        except BeyondAnnounced:
            raise await self._beyond(points) from None
        followers = [*([proof] if proof is not None else []), *self._promised.followers()]
        save = last and not followers and core.sniffed and not points.under_way
        try:
            points.saved = await files(batch.put, points.appender, points.digest, followers, last=save)
        except WriteFailed as failure:
            core.wrote(failure.written)
            await self._keep_what_fits(points)
            raise storage_error(failure) from failure
        core.wrote(batch.size)
        if proof is None and core.sniff_due():  # else judged when it has proved to be what was sent
            await self._judge(points)

    async def _beyond(self, points: Checkpoints) -> AppError:
        """More than was announced, or than we take: the request is refused; the IETF draft wants the upload itself to end with it."""
        core = points.core
        error = too_large(core.written + 1) if core.length is None else BeyondLength(length=core.length, offset=core.committed)
        if self.part.overflow_ends:
            await points.flushed()
            await database(refuse, self.session, error)
        return error

    async def _keep_what_fits(self, points: Checkpoints) -> None:
        await points.flushed()
        if self.part.proof is not None:
            await self._discard(points)
        elif points.core.pending and not points.core.sniff_due():
            await points.make(last=False)

    async def _judge(self, points: Checkpoints) -> None:
        """Say what the first bytes are, once, before any of them is acknowledged."""
        start = await files(points.appender.head, SNIFF_BYTES)
        error = refusal_of_start(self.session, start, whole=points.core.complete)
        points.core.sniffed = True
        if error is not None:
            await database(refuse, self.session, error)
            raise error

    def _outcome(self, core: Append, over: End | Stop | UploadStalled) -> int:
        if over is End.WHOLE and self.part.ends and not core.complete:
            raise LengthInconsistent
        if over is End.WHOLE or core.complete:
            return core.committed
        if over is Stop.REPLACED:
            raise WriterReplaced(retry_after=1)
        if over is Stop.DRAINING:
            raise ServerRestarting(retry_after=1)
        if isinstance(over, UploadStalled):
            raise over
        raise ClientGone
