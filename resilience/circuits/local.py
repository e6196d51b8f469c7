"""A circuit in this process's memory: what trips at once, what decides while the database is away, and all there is where it guards that."""

from __future__ import annotations

import random
from collections.abc import Callable

from resilience.models.circuits import CircuitState

from .limits import Counts, Limits
from .window import Window


class LocalCircuit:
    """Closed, open, half open, as the fleet's. Not safe for threads: its circuit's lock guards it. It has no clock: `now` is the caller's."""

    def __init__(self, chance: Callable[[float, float], float] = random.uniform) -> None:
        self.state = CircuitState.CLOSED
        self.until = 0.0  # open: the end of the rest; half open: the end of the trial's lease
        self.streak = 0
        self.window = Window()
        self._trial = 0
        self._good = 0
        self._chance = chance

    @property
    def is_closed(self) -> bool:
        return self.state is CircuitState.CLOSED

    def begin_trial(self, now: float, limits: Limits) -> int | None:
        """Open or half open: let one call try once the time is over. Return the trial's number, or None for "not yet"."""
        if now < self.until:
            return None
        if self.state is CircuitState.OPEN:
            self._good = 0
        self.state, self.until = CircuitState.HALF_OPEN, now + limits.lease_seconds
        self._trial += 1
        return self._trial

    def count(self, now: float, limits: Limits, counts: Counts) -> bool:
        """Count calls; return whether just these opened it."""
        self.window.add(now, limits.window_seconds, counts)
        if not self.is_closed or not (counts.failed or counts.slow) or not limits.trips(self.window.counts(now, limits.window_seconds)):
            return False
        self.rest(now + limits.open_time(0, self._chance))
        return True

    def trial_ended(self, number: int, *, good: bool, now: float, limits: Limits) -> CircuitState | None:
        """Return the state it led to, or None when the trial was no longer this one's, or nothing changed yet."""
        if number != self._trial or self.state is not CircuitState.HALF_OPEN:
            return None
        if not good:
            self.rest(now + limits.open_time(self.streak + 1, self._chance), streak=self.streak + 1)
            return self.state
        self._good += 1
        self.until = now
        if self._good < limits.good_trials:
            return None
        self.close()
        return self.state

    def trial_released(self, number: int, *, now: float) -> None:
        """A trial ended without saying anything: another may begin."""
        if number == self._trial and self.state is CircuitState.HALF_OPEN:
            self.until = now

    def rest(self, until: float, *, streak: int = 0) -> None:
        self.state, self.until, self.streak = CircuitState.OPEN, until, streak
        self.window.clear()

    def close(self) -> None:
        self.state, self.until, self.streak = CircuitState.CLOSED, 0.0, 0
        self.window.clear()
