"""Counts of the last so many seconds, in six slots: a slot is forgotten as a whole."""

from __future__ import annotations

from .limits import Counts

SLOTS = 6


class Window:
    """Not safe for threads: its circuit's lock guards it. Times are the caller's, in seconds of one monotonic clock."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: dict[int, Counts] = {}

    def add(self, now: float, seconds: float, counts: Counts) -> None:
        """Count some calls that ended now, in a window of `seconds`."""
        slot = int(now * SLOTS / seconds)
        known = self._slots.get(slot)
        if known is None:
            self._forget(slot)
            known = Counts()
        self._slots[slot] = Counts(known.calls + counts.calls, known.failed + counts.failed, known.slow + counts.slow)

    def counts(self, now: float, seconds: float) -> Counts:
        """Return what was counted within the last `seconds` (at most a sixth less)."""
        self._forget(int(now * SLOTS / seconds))
        slots = self._slots.values()
        return Counts(sum(slot.calls for slot in slots), sum(slot.failed for slot in slots), sum(slot.slow for slot in slots))

    def clear(self) -> None:
        self._slots.clear()

    def _forget(self, newest: int) -> None:
        for slot in [slot for slot in self._slots if slot <= newest - SLOTS]:
            del self._slots[slot]
