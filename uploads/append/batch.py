"""What is done with bytes taken together, in one go in one thread: each hand-over to another thread costs more than the work on a small batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from uploads.integrity.running import RunningDigest
from uploads.store import Appender, Placed, WriteFailed


class Follower(Protocol):
    """Sees every byte that was written."""

    def update(self, chunks: Sequence[bytes], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Saved:
    """What making the first `size` bytes durable came to. A failure is not tried again: the kernel may have forgotten the bytes."""

    size: int
    placed: Placed | None = None
    failure: WriteFailed | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Bytes to write from `offset` on."""

    chunks: Sequence[bytes]
    size: int
    offset: int

    def put(self, appender: Appender, digest: RunningDigest, followers: Sequence[Follower], *, last: bool) -> Saved | None:
        """Write, digest and, when nothing follows, make durable.

        Raises:
            WriteFailed: not everything was written; what was is in the digest.
        """
        try:
            appender.write(self.chunks, offset=self.offset)
        except WriteFailed as failure:
            digest.update(self.chunks, failure.written)
            raise
        digest.update(self.chunks, self.size)
        for follower in followers:
            follower.update(self.chunks)
        return self._save(appender) if last else None

    def _save(self, appender: Appender) -> Saved:
        end = self.offset + self.size
        appender.hold(end)
        return saved(appender, end)


def saved(appender: Appender, size: int) -> Saved:
    """Make the first `size` bytes durable."""
    try:
        return Saved(size, appender.save(size))
    except WriteFailed as failure:
        return Saved(size, failure=failure)
