"""A circuit in this process's memory, for while the database that holds the real one is away."""

from __future__ import annotations

import threading
import time

from resilience.models.circuits import CircuitState

from .snapshot import Snapshot


class LocalCircuit:
    """Trips on failures in a row; then one trial at a time per process."""

    def __init__(self, *, fail_max: int, open_seconds: float) -> None:
        self._fail_max = fail_max
        self._open_seconds = open_seconds
        self._failures = 0
        self._open_until = 0.0
        self._on_trial = False
        self._lock = threading.Lock()

    def wait_seconds(self, last_known: Snapshot) -> float:
        """Return 0 when a call may go on, else how long it should wait. What the fleet last decided still counts until its time is up."""
        now = time.monotonic()
        if last_known.state == CircuitState.FORCED_OPEN and now < last_known.forced_until:
            return min(last_known.forced_until - now, self._open_seconds)
        if last_known.state == CircuitState.OPEN and now < last_known.open_until:
            return last_known.open_until - now
        with self._lock:
            if now < self._open_until:
                return self._open_until - now
            if self._failures < self._fail_max:
                return 0.0
            if self._on_trial:
                return self._open_seconds
            self._on_trial = True
            return 0.0

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._open_until, self._on_trial = 0, 0.0, False

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._on_trial = False
            if self._failures >= self._fail_max:
                self._open_until = time.monotonic() + self._open_seconds

    def released(self) -> None:
        with self._lock:
            self._on_trial = False
