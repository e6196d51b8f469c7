"""Digests of what is being received: made off the event loop, beside the writing of what comes next and the syncing of what came."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from uploads.threads import files

from .chain import Segment, first_link, next_link


@dataclass(slots=True)
class Cut:
    """The bytes one commit is to cover; their digest may still be in the making."""

    start: int
    length: int
    _of: RunningDigest
    _digest: Any
    _job: asyncio.Task[None] | None

    async def sealed(self) -> Segment:
        """Return the segment once its last byte is in the digest; the next one is tied to it."""
        if self._job is not None:
            await self._job
        digest, before = self._digest.hexdigest(), self._of.chain or first_link(self._of.upload)
        self._of.chain = next_link(before, digest=digest, start=self.start, length=self.length)
        return Segment(self.start, self.length, digest, self._of.chain)


@dataclass(slots=True)
class RunningDigest:
    """The digest of one request's bytes since the last commit. One batch is hashed at a time, so that memory stays bounded.

    Use: `await ready()`, then count the bytes as written and `add` them with no await in between; `cut` when the count is read for a commit.

    Args:
        upload: public id.
        chain: the chain's value at the committed offset; "" before the first segment.
    """

    upload: str
    chain: str
    _digest: Any = field(default_factory=hashlib.sha256)
    _job: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Return when the batch before is hashed."""
        if self._job is not None:
            await self._job

    def add(self, chunks: Sequence[bytes], size: int) -> None:
        """Begin to hash the first `size` bytes of the chunks. The one before must be done."""
        self._job = asyncio.create_task(files(_update, self._digest, chunks, size))

    def forget(self) -> None:
        """Throw away what was added since the last cut: those bytes are not kept."""
        self._digest, self._job = hashlib.sha256(), None

    def cut(self, *, start: int, length: int) -> Cut:
        """End the segment here: what is added from now on belongs to the next."""
        cut = Cut(start, length, self, self._digest, self._job)
        self._digest = hashlib.sha256()
        return cut


def _update(digest: Any, chunks: Sequence[bytes], size: int) -> None:
    for chunk in chunks:
        if size <= 0:
            return
        digest.update(chunk if len(chunk) <= size else memoryview(chunk)[:size])
        size -= len(chunk)
