"""What happened here, in order: requests, jobs, uses of a token, faults, events. Tests read it; it is the proof of who did what how often."""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any

from .clock import Clock

KEPT = 200_000  # entries in memory; older ones are only in the file


class Journal:
    """An append-only list of entries `{"n", "at", "kind", …}`, `n` counting from 1.

    Args:
        path: a file that gets each entry as one line, if any.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = threading.Lock()
        self._file: IO[str] | None = path.open("a", encoding="utf-8", buffering=1) if path else None

    def write(self, kind: str, **facts: Any) -> int:
        """Append an entry of JSON values and return its number."""
        with self._lock:
            self._count += 1
            entry = {"n": self._count, "at": round(self._clock.now(), 3), "kind": kind, **facts}
            self._entries.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry) + "\n")
            return self._count

    def since(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the entries after the one with this number."""
        with self._lock:
            return [entry for entry in self._entries if entry["n"] > number]

    def clear(self) -> None:
        """Forget the entries; numbers go on, so that a reader's `since` stays true."""
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
