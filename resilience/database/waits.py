"""How long requests of this process wait for a connection of the pool: what tells a burst of short waits from a pool that does not keep up."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

RECENT_SECONDS = 2.0


class Waits:
    """Safe for threads. Each waiting thread has one entry; nothing is locked to look."""

    def __init__(self) -> None:
        self._waiting: dict[int, float] = {}
        self._last: tuple[float, float] = (0.0, float("-inf"))  # the longest wait that ended lately, and when it ended

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as waiting."""
        me, began = threading.get_ident(), time.monotonic()
        self._waiting[me] = began
        try:
            yield
        finally:
            self._waiting.pop(me, None)
            now = time.monotonic()
            if now - began >= self._recent(now):
                self._last = (now - began, now)

    def longest(self) -> float:
        """Return the seconds the request that waits longest has waited by now, or the longest wait that ended within RECENT_SECONDS."""
        now = time.monotonic()
        oldest = min(self._waiting.copy().values(), default=now)
        return max(now - oldest, self._recent(now))

    def _recent(self, now: float) -> float:
        seconds, ended = self._last
        return seconds if now - ended < RECENT_SECONDS else 0.0


WAITS = Waits()


def _after_fork() -> None:
    WAITS.__init__()  # type: ignore[misc] # the parent's threads did not come along


os.register_at_fork(after_in_child=_after_fork)
