"""The stand-in as Django's Redis client would look from outside, with everything written to it noted for the server.

Its methods are those of `django.core.cache.backends.redis.RedisCacheClient`. Safe for threads.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .journal import Journal, Waiting
from .standin import Standin


class LocalSide:
    """Args:
    serializer: Django's, so that values lie here as they would lie in the server.
    """

    def __init__(self, serializer: Any, *, most_entries: int, most_bytes: int, most_waiting: int) -> None:
        self._serializer = serializer
        self._lock = threading.Lock()
        self._held = Standin(most_entries=most_entries, most_bytes=most_bytes)
        self._journal = Journal(most=most_waiting)

    # --- what Django's client has ---

    def add(self, key: str, value: Any, timeout: int | None) -> bool:
        dumped, now = self._serializer.dumps(value), time.monotonic()
        with self._lock:
            if self._held.find(key, now=now) is not None:
                return False
            if timeout != 0:
                self._held.put(key, dumped, ends=_ends(timeout, now))
                self._journal.add(key, dumped, ends=_ends(timeout, now), now=now)
            return True

    def get(self, key: str, default: Any) -> Any:
        with self._lock:
            entry = self._held.find(key, now=time.monotonic())
        return default if entry is None else self._serializer.loads(entry.value)

    def set(self, key: str, value: Any, timeout: int | None) -> None:
        dumped, now = self._serializer.dumps(value), time.monotonic()
        with self._lock:
            if timeout == 0:
                self._drop(key, now)
                return
            self._held.put(key, dumped, ends=_ends(timeout, now))
            self._journal.put(key, dumped, ends=_ends(timeout, now), now=now)

    def touch(self, key: str, timeout: int | None) -> bool:
        now = time.monotonic()
        with self._lock:
            entry = self._held.find(key, now=now)
            if entry is None:
                return False
            entry.ends = _ends(timeout, now)
            self._journal.touch(key, value=entry.value, ends=entry.ends, now=now)
            return True

    def delete(self, key: str) -> bool:
        with self._lock:
            return self._drop(key, time.monotonic())

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        missing = object()
        found = {key: self.get(key, missing) for key in keys}
        return {key: value for key, value in found.items() if value is not missing}

    def has_key(self, key: str) -> bool:
        with self._lock:
            return self._held.find(key, now=time.monotonic()) is not None

    def incr(self, key: str, delta: int) -> int:
        """Raises: ValueError: there is no such key, or it holds no number."""
        now = time.monotonic()
        with self._lock:
            entry = self._held.find(key, now=now)
            if entry is None:
                raise ValueError(f"Key '{key}' not found.")
            if type(entry.value) is not int:
                raise ValueError(f"Key '{key}' holds no number.")
            entry.value += delta
            self._journal.count(key, delta, value=entry.value, ends=entry.ends, now=now)
            return entry.value

    def set_many(self, data: Mapping[str, Any], timeout: int | None) -> None:
        for key, value in data.items():
            self.set(key, value, timeout)

    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.delete(key)

    def clear(self) -> bool:
        with self._lock:
            self._held.clear()
            self._journal.clear()
        return True

    # --- what the server said, so that counters go on from there when it goes away ---

    def learn(self, name: str, answer: Any, args: tuple[Any, ...]) -> None:
        """Take over what a call to the server says about a counter. Other values are not kept: they may be changed there by anybody."""
        if name == "add" and type(args[1]) is int:  # when it was there already, the count that follows says what it is
            self._keep(args[0], args[1], args[2], fresh=answer)
        elif name == "incr":
            with self._lock:
                entry = self._held.find(args[0], now=time.monotonic())
                if entry is not None and type(entry.value) is int:  # answers to several threads come in any order: the last count is the one furthest on
                    entry.value = max(entry.value, answer) if args[1] > 0 else answer
        elif name in ("set", "delete", "touch"):
            with self._lock:
                self._held.drop(args[0])
        elif name in ("set_many", "delete_many"):
            with self._lock:
                for key in args[0]:
                    self._held.drop(key)
        elif name == "clear":
            with self._lock:
                self._held.clear()

    def _keep(self, key: str, value: int, timeout: int | None, *, fresh: bool) -> None:
        now = time.monotonic()
        with self._lock:
            if fresh or self._held.find(key, now=now) is None:
                self._held.put(key, value, ends=_ends(timeout, now))

    # --- what waits for the server ---

    def waiting(self) -> int:
        with self._lock:
            return len(self._journal)

    def must_clear(self) -> bool:
        with self._lock:
            return self._journal.clearing

    def cleared(self) -> None:
        with self._lock:
            self._journal.clearing = False

    def take(self, most: int) -> list[Waiting]:
        with self._lock:
            return self._journal.take(most)

    def said(self) -> None:
        with self._lock:
            self._journal.said()

    def forget_values(self) -> None:
        """The server is back: only counters are kept, and what still waits."""
        with self._lock:
            self._held.keep_only({*self._held.numbers(), *self._journal.keys()})

    def figures(self) -> Counter[str]:
        with self._lock:
            return Counter(entries=len(self._held), bytes=self._held.bytes, waiting=len(self._journal), forgotten=self._journal.forgotten)

    def _drop(self, key: str, now: float) -> bool:
        dropped = self._held.drop(key)
        self._journal.delete(key, now=now)
        return dropped


def _ends(timeout: int | None, now: float) -> float | None:
    return None if timeout is None else now + timeout
