"""What this process knows of every circuit: read at most once per second, all circuits in one query."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from django.db import connection

from resilience.models.circuits import CircuitState

FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One circuit as it was read. Moments are local monotonic time: the database gives remaining seconds, so no two clocks are compared."""

    state: str = CircuitState.CLOSED
    version: int = 0
    failures: int = 0
    open_until: float = 0.0
    trial_until: float = 0.0
    forced_until: float = float("inf")
    cause: str = ""
    known: bool = False


_COLUMNS = """
    SELECT name, state, version, window_failures,
           extract(epoch FROM open_until - statement_timestamp()), extract(epoch FROM trial_expires_at - statement_timestamp()),
           extract(epoch FROM forced_until - statement_timestamp()), CASE WHEN state = 'forced_open' THEN forced_reason ELSE last_error END
    FROM resilience_circuit"""


def read_all() -> dict[str, Snapshot]:
    """Read every circuit. Raises django.db.Error when the database is away."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        rows = cursor.fetchall()
    now = time.monotonic()

    def local(remaining: object, otherwise: float) -> float:
        return otherwise if remaining is None else now + float(str(remaining))

    return {
        name: Snapshot(state, version, failures, local(opened, 0.0), local(trial, 0.0), local(forced, float("inf")), cause, known=True)
        for name, state, version, failures, opened, trial, forced, cause in rows
    }


@dataclass
class Cache:
    """The snapshots of this process. One thread reads them anew; the others meanwhile use what there is."""

    _found: dict[str, Snapshot] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _fresh_for: float = FRESH_SECONDS
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str) -> Snapshot:
        if time.monotonic() - self._read_at > self._fresh_for:
            self._refresh(wait=self._read_at == float("-inf"))
        return self._found.get(name, _UNKNOWN)

    def peek(self, name: str) -> Snapshot:
        """What was known last, whatever its age."""
        return self._found.get(name, _UNKNOWN)

    def forget(self) -> None:
        """Read anew at the next question."""
        self._read_at = float("-inf")

    def clear(self) -> None:
        """Know nothing, as a new process does."""
        self._found = {}
        self.forget()

    def _refresh(self, *, wait: bool) -> None:
        if not self._reading.acquire(blocking=wait):
            return
        try:
            if wait and self._read_at != float("-inf"):
                return  # another thread read it while we waited
            self._found = read_all()
            self._read_at = time.monotonic()
            self._fresh_for = FRESH_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - so that a fleet does not ask in step
        finally:
            self._reading.release()


_UNKNOWN = Snapshot()
CACHE = Cache()
