"""The chain over an upload's bytes: one digest per commit, each tied to all before it. Pure; the sums are SHA-256 in hexadecimal.

h_0 = H(label, upload), h_i = H(h_{i-1}, digest of the segment, its start, its length); numbers are eight bytes, most significant first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_LABEL = b"holdfast upload chain 1\x00"


@dataclass(frozen=True, slots=True)
class Segment:
    """What one commit covers: `length` bytes from `start`, their digest, and the chain up to and with them."""

    start: int
    length: int
    sha256: str
    chain: str

    @property
    def end(self) -> int:
        return self.start + self.length


class Fault(StrEnum):
    """How stored bytes differ from what was received."""

    CHANGED = "changed"  # the bytes of a segment are not those that arrived
    MISSING = "missing"  # storage ends before a segment does
    UNTIED = "untied"  # the segments do not add up to the chain: our own rows are wrong


@dataclass(frozen=True, slots=True)
class Damage:
    """Where it starts, in bytes from the start of the file, and how long the stretch is that holds it."""

    fault: Fault
    start: int
    length: int


def first_link(upload: str) -> str:
    """Return h_0 of the upload with this public id."""
    return hashlib.sha256(_LABEL + upload.encode()).hexdigest()


def next_link(before: str, *, digest: str, start: int, length: int) -> str:
    tied = bytes.fromhex(before) + bytes.fromhex(digest) + start.to_bytes(8, "big") + length.to_bytes(8, "big")
    return hashlib.sha256(tied).hexdigest()


class Comparison:
    """Compare bytes, given in order from the start of the file, with the segments.

    Stretches without a segment (bytes that did not come through this server's append) are passed over: `covered` counts the others.

    Args:
        upload: public id of the upload.
        head: the chain's last value as the upload's own row has it.
    """

    def __init__(self, segments: Sequence[Segment], *, upload: str, head: str) -> None:
        self.damage = _untied(segments, upload=upload, head=head)
        self.covered = 0
        self._coming: Iterator[Segment] = iter(segments)
        self._segment = next(self._coming, None)
        self._digest = hashlib.sha256()
        self._at = 0

    def update(self, block: bytes) -> None:
        view = memoryview(block)
        while view and self.damage is None and self._segment is not None:
            start, end = self._segment.start, self._segment.end
            size = min(len(view), (start if self._at < start else end) - self._at)
            if self._at >= start:
                self._digest.update(view[:size])
            self._at += size
            view = view[size:]
            if self._at == end:
                self._close(self._segment)

    def finish(self) -> Damage | None:
        """Say what is wrong after the last block, or None."""
        if self.damage is None and self._segment is not None:
            self.damage = Damage(Fault.MISSING, self._at, self._segment.end - self._at)
        return self.damage

    def _close(self, segment: Segment) -> None:
        if self._digest.hexdigest() != segment.sha256:
            self.damage = Damage(Fault.CHANGED, segment.start, segment.length)
        self.covered += segment.length
        self._segment, self._digest = next(self._coming, None), hashlib.sha256()


def _untied(segments: Sequence[Segment], *, upload: str, head: str) -> Damage | None:
    link, end = first_link(upload), 0
    for segment in segments:
        link = next_link(link, digest=segment.sha256, start=segment.start, length=segment.length)
        if segment.start < end or segment.length <= 0 or link != segment.chain:
            return Damage(Fault.UNTIED, segment.start, segment.length)
        end = segment.end
    return None if head == (link if segments else "") else Damage(Fault.UNTIED, 0, end)
