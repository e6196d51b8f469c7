"""What was written while the server was away, one entry per key: the last word on it, in a form that can be said to the server later.

Bounded: of more than `most` keys the oldest are forgotten and counted. Not safe for threads by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from .standin import Value


class Kind(StrEnum):
    PUT = "put"  # set: the newest wins
    ADD = "add"  # only if the server has none
    COUNT = "count"  # add `delta` to what the server has, or begin with `value` (which holds `delta` already)
    DELETE = "delete"
    TOUCH = "touch"  # another end


@dataclass(frozen=True, slots=True)
class Waiting:
    """`number` is unique in this process; `at` and `ends` are on its monotonic clock."""

    number: int
    key: str
    kind: Kind
    at: float
    value: Value | None = None
    delta: int = 0
    ends: float | None = None


class Journal:
    def __init__(self, *, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._sending: list[Waiting] = []  # nobody knows whether the server has them: said again first, unchanged
        self._numbers = count(1)
        self.clearing = False
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sending) + self.clearing

    def keys(self) -> set[str]:
        return {*self._waiting, *(waiting.key for waiting in self._sending)}

    def put(self, key: str, value: Value, *, ends: float | None, now: float) -> None:
        self._note(key, Kind.PUT, now, value=value, ends=ends)

    def add(self, key: str, value: Value, *, ends: float | None, now: float) -> None:
        """Note that a key was added which the stand-in did not have."""
        if key in self._waiting:  # deleted meanwhile
            self._note(key, Kind.PUT, now, value=value, ends=ends)
        elif type(value) is int:
            self._note(key, Kind.COUNT, now, value=value, ends=ends)
        else:
            self._note(key, Kind.ADD, now, value=value, ends=ends)

    def count(self, key: str, delta: int, *, value: int, ends: float | None, now: float) -> None:
        """Note that a counter went by `delta` to `value`."""
        before = self._waiting.get(key)
        if before is None or before.kind is Kind.TOUCH:
            self._note(key, Kind.COUNT, now, value=value, delta=delta, ends=ends)
        else:
            self._note(key, before.kind, now, value=value, delta=before.delta + delta, ends=ends)

    def touch(self, key: str, *, value: Value, ends: float | None, now: float) -> None:
        before = self._waiting.get(key)
        if before is None:
            self._note(key, Kind.TOUCH, now, ends=ends)
        else:
            self._note(key, before.kind, now, value=value if before.kind is not Kind.TOUCH else None, delta=before.delta, ends=ends)

    def delete(self, key: str, *, now: float) -> None:
        self._note(key, Kind.DELETE, now)

    def clear(self) -> None:
        """Everything is to go: what was written before is not worth saying any more."""
        self._waiting.clear()
        self._sending = []
        self.clearing = True

    def take(self, most: int) -> list[Waiting]:
        """Return what is to be said next, at most so much; it waits until `said`. What was taken before and not said comes again, alone."""
        if not self._sending:
            while self._waiting and len(self._sending) < most:
                self._sending.append(self._waiting.popitem(last=False)[1])
        return list(self._sending)

    def said(self) -> None:
        """The server has answered for all that was taken."""
        self._sending = []

    def _note(self, key: str, kind: Kind, now: float, *, value: Value | None = None, delta: int = 0, ends: float | None = None) -> None:
        self._waiting[key] = Waiting(next(self._numbers), key, kind, now, value=value, delta=delta, ends=ends)
        self._waiting.move_to_end(key)
        while len(self._waiting) > self._most:
            self._waiting.popitem(last=False)
            self.forgotten += 1
