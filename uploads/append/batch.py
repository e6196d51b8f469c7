"""What is done with bytes taken together, in one go in one thread: each hand-over to another thread costs more than the work on a small batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from uploads.figures import DURABLE
from uploads.integrity.running import RunningDigest
from uploads.store import Appender, Placed, WriteFailed


class Follower(Protocol):
    """Sees every byte that was written."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Saved:
    """What making the first `size` bytes durable came to. A failure is not tried again: the kernel may have forgotten the bytes."""

    size: int
    placed: Placed | None = None
    failure: WriteFailed | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Bytes to write from `offset` on.

    Args:
        pieces: as they came from the socket; empty once they were put.
    """

    pieces: list[bytes]
    size: int
    offset: int

    def put(self, appender: Appender, digest: RunningDigest, followers: Iterable[Follower], *, last: bool) -> Saved | None:
        """Write, digest and, when nothing follows, make durable.

        The pieces are joined first. That copies them, but each call on a piece would give the interpreter up and wait to get it back
        from the event loop, which takes far longer than the copy.

        Raises:
            WriteFailed: not everything was written; what was is in the digest.
        """
        whole = b"".join(self.pieces)
        self.pieces.clear()
        try:
            appender.write(whole, offset=self.offset)
        except WriteFailed as failure:
            digest.update(whole, failure.written)
            raise
        digest.update(whole, self.size)
        for follower in followers:
            follower.update(whole)
        return self._save(appender) if last else None

    def _save(self, appender: Appender) -> Saved:
        end = self.offset + self.size
        appender.hold(end)
        return saved(appender, end)


def saved(appender: Appender, size: int) -> Saved:
    """Make the first `size` bytes durable."""
    try:
        with DURABLE.time():
            return Saved(size, appender.save(size))
    except WriteFailed as failure:
        return Saved(size, failure=failure)
