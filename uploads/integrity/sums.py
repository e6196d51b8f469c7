"""Bytes against the sums their storage made when it took them: for what a client sent straight there, and we did not see. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .chain import Damage, Fault

if TYPE_CHECKING:
    from uploads.store import Sum


class SumComparison:
    """Compare bytes, given in order from the start of the file, with sums in order; `covered` counts the bytes that had one."""

    def __init__(self, sums: Sequence[Sum]) -> None:
        self.covered = 0
        self._damage: Damage | None = None
        self._coming: Iterator[Sum] = iter(sums)
        self._sum = next(self._coming, None)
        self._digest = hashlib.md5(usedforsecurity=False)
        self._at = 0

    def update(self, block: bytes) -> None:
        view = memoryview(block)
        while view and self._damage is None and self._sum is not None:
            first, end = self._sum.first, self._sum.first + self._sum.count
            size = min(len(view), (first if self._at < first else end) - self._at)
            if self._at >= first:
                self._digest.update(view[:size])
            self._at += size
            view = view[size:]
            if self._at == end:
                self._close(self._sum)

    def finish(self) -> Damage | None:
        """Say what is wrong after the last block, or None."""
        if self._damage is None and self._sum is not None:
            self._damage = Damage(Fault.MISSING, self._at, self._sum.first + self._sum.count - self._at)
        return self._damage

    def _close(self, done: Sum) -> None:
        if self._digest.hexdigest() != done.md5:
            self._damage = Damage(Fault.CHANGED, done.first, done.count)
        self.covered += done.count
        self._sum, self._digest = next(self._coming, None), hashlib.md5(usedforsecurity=False)
