"""The digest of what is being received: made in the thread that writes the same bytes, so that each byte is taken in hand once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from .chain import Segment, first_link, next_link


@dataclass(slots=True)
class RunningDigest:
    """The digest of one request's bytes since the last commit.

    `update` and the others never run at the same time: a segment is cut between two batches.

    Args:
        upload: public id.
        chain: the chain's value at the committed offset; "" before the first segment.
    """

    upload: str
    chain: str
    _digest: Any = field(default_factory=hashlib.sha256)

    def update(self, data: bytes, size: int) -> None:
        """Take in the first `size` bytes."""
        self._digest.update(memoryview(data)[:size])

    def forget(self) -> None:
        """Throw away what was added since the last cut: those bytes are not kept."""
        self._digest = hashlib.sha256()

    def cut(self, *, start: int, length: int) -> Segment:
        """End the segment here, and tie the next one to it."""
        digest, before = self._digest.hexdigest(), self.chain or first_link(self.upload)
        self._digest = hashlib.sha256()
        self.chain = next_link(before, digest=digest, start=start, length=length)
        return Segment(start, length, digest, self.chain)
