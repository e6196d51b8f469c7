"""When a circuit opens, for how long, and what closes it: numbers and arithmetic, no clock and no database of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

LONGEST_OPEN_SECONDS = 300.0


class Counts(NamedTuple):
    """Calls of a window. `slow` ones are among `calls` too, and may be among `failed`."""

    calls: int = 0
    failed: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One circuit's limits.

    Args:
        min_calls: calls within the window before anything is judged.
        failure_share, slow_share: of the calls, from which on it opens.
        slow_seconds: a call that takes longer is slow; infinity for none.
        window_seconds: how far back calls count.
        open_seconds: rest after the first opening; doubled with each failed trial, 300 s at most, ± 20 %.
        good_trials: trial calls that must succeed, one after the other, before it closes.
        timeout: the longest a call may take, seconds; a trial's lease is half as much again and one second.
    """

    min_calls: int = 10
    failure_share: float = 0.5
    slow_share: float = 0.8
    slow_seconds: float = float("inf")
    window_seconds: float = 30.0
    open_seconds: float = 10.0
    good_trials: int = 3
    timeout: float = 30.0

    @property
    def lease_seconds(self) -> float:
        return 1.5 * self.timeout + 1.0

    def trips(self, counts: Counts) -> bool:
        if counts.calls < self.min_calls:
            return False
        return (counts.failed > 0 and counts.failed >= self.failure_share * counts.calls) or (counts.slow > 0 and counts.slow >= self.slow_share * counts.calls)

    def open_time(self, streak: int, chance: Callable[[float, float], float] = random.uniform) -> float:
        """Return how long to rest, seconds. `streak`: failed trials since it first opened."""
        return min(LONGEST_OPEN_SECONDS, self.open_seconds * 2.0 ** min(streak, 20)) * chance(0.8, 1.2)

    def as_json(self) -> dict[str, Any]:
        """As the circuit's row keeps them for people to look at; no slow calls are None there."""
        return asdict(self) | {"slow_seconds": None if self.slow_seconds == float("inf") else self.slow_seconds}
