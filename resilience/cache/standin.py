"""The cache of one process, for while the server is away: values as they would lie in the server, bounded in number and size.

Not safe for threads by itself: whoever holds it also holds a lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

Value = int | bytes  # counters are plain numbers, everything else is pickled
ENTRY_BYTES = 200  # about what an entry costs beside its value


@dataclass(slots=True)
class Entry:
    """`ends` is when it is over, on the monotonic clock; None: never."""

    value: Value
    ends: float | None

    def is_over(self, now: float) -> bool:
        return self.ends is not None and now >= self.ends

    @property
    def size(self) -> int:
        return ENTRY_BYTES + (len(self.value) if isinstance(self.value, bytes) else 0)


class Standin:
    """Forgets what was used longest ago when it has `most_entries` or `most_bytes`."""

    def __init__(self, *, most_entries: int, most_bytes: int) -> None:
        self._most_entries, self._most_bytes = most_entries, most_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return self._bytes

    def find(self, key: str, *, now: float) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.is_over(now):
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: str, value: Value, *, ends: float | None) -> None:
        self.drop(key)
        entry = self._entries[key] = Entry(value, ends)
        self._bytes += entry.size
        while self._entries and (len(self._entries) > self._most_entries or self._bytes > self._most_bytes):
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> bool:
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self._bytes -= entry.size
        return True

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget everything else."""
        kept = set(keys)
        for key in [key for key in self._entries if key not in kept]:
            self.drop(key)

    def numbers(self) -> list[str]:
        """The keys of counters."""
        return [key for key, entry in self._entries.items() if type(entry.value) is int]

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0
