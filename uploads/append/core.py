"""The rules of one append, apart from sockets, files and database: how much is in, what is due, when it is over.

`committed` ≤ `durable` bytes at every moment; the shell reports what it did and asks what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass

SNIFF_BYTES = 64 * 2**10


class BeyondAnnounced(Exception):
    """The client sends more than it announced, or than is let in; nothing of this batch may be written."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When bytes are made durable and committed: after so many bytes or seconds, whichever comes first."""

    checkpoint_bytes: int
    checkpoint_seconds: float


@dataclass(slots=True)
class Append:
    """One request's way from `committed` on.

    Args:
        committed: offset the database holds, bytes.
        length: announced size of the whole file, bytes; None while unknown.
        pace: when checkpoints are due.
        started: the clock at the start, seconds; any monotonic clock, the same for all calls.
        sniffed: True when the first bytes were judged before (or need no judging).
        open_end: True when more follows even once the announced length is reached (Upload-Complete: ?0).
        limit: bytes the whole file may have while its length is unknown; None for no limit.
    """

    committed: int
    length: int | None
    pace: Pace
    started: float
    sniffed: bool = False
    open_end: bool = False
    limit: int | None = None
    written: int = -1
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.written = self.committed
        self._last = self.started

    def offer(self, size: int) -> None:
        """Ask whether the next `size` bytes may be written.

        Raises:
            BeyondAnnounced: they do not fit into the announced length, or the limit while there is none.
        """
        most = self.limit if self.length is None else self.length
        if most is not None and self.written + size > most:
            raise BeyondAnnounced

    def wrote(self, size: int) -> None:
        self.written += size

    @property
    def complete(self) -> bool:
        return self.completes_at(self.written)

    def completes_at(self, offset: int) -> bool:
        """True when a commit of `offset` is the end of the file."""
        return not self.open_end and self.length is not None and offset == self.length

    @property
    def pending(self) -> int:
        """Bytes written and not yet committed."""
        return self.written - self.committed

    def sniff_due(self) -> bool:
        """True once, when enough of the start is there to say what the file is."""
        enough = SNIFF_BYTES if self.length is None else min(SNIFF_BYTES, self.length)
        return not self.sniffed and self.written >= enough and self.written > 0

    def checkpoint_due(self, now: float) -> bool:
        if self.pending == 0:
            return False
        return self.pending >= self.pace.checkpoint_bytes or now - self._last >= self.pace.checkpoint_seconds

    def seconds_to_checkpoint(self, now: float) -> float:
        """How long the shell may wait for more bytes before the clock alone asks for a checkpoint."""
        return max(0.0, self._last + self.pace.checkpoint_seconds - now)

    def committed_at(self, offset: int, now: float) -> None:
        """Note a commit.

        Raises:
            ValueError: the offset would go back, or lies beyond what was written.
        """
        if not self.committed <= offset <= self.written:
            raise ValueError(f"The committed offset cannot go from {self.committed} to {offset} with {self.written} written.")
        self.committed = offset
        self._last = now
