"""How long to wait before the next try: one pure function for tasks and engine retries."""

from __future__ import annotations

from collections.abc import Callable

JITTER = 0.5
THROTTLED_BASE_SECONDS = 30.0  # what says "too many" is not helped by trying again in five seconds
_LARGEST_EXPONENT = 60


def delay(attempt: int, *, base: float, cap: float, random: Callable[[], float], jitter: float = JITTER) -> float:
    """Return seconds to wait after the `attempt`-th try: U(1 - jitter, 1) × min(cap, base × 2^(attempt-1)).

    The floor keeps a least gap; the spread keeps a herd from coming back at once.

    Args:
        attempt: 1 after the first try.
        base, cap: seconds.
        random: uniform in [0, 1).
        jitter: 0 to 1, the share of the wait that is left to chance.
    """
    least, most = bounds(attempt, base=base, cap=cap, jitter=jitter)
    return min(most, least + random() * (most - least))  # rounding must not carry it over the step


def bounds(attempt: int, *, base: float, cap: float, jitter: float = JITTER) -> tuple[float, float]:
    """Return the shortest and the longest wait after the `attempt`-th try, in seconds."""
    step = min(cap, base * 2.0 ** min(max(attempt, 1) - 1, _LARGEST_EXPONENT))
    return (1.0 - jitter) * step, step


def schedule(waits: int, *, base: float, cap: float, jitter: float = JITTER) -> list[tuple[float, float]]:
    """Return the bounds of each of so many waits in a row."""
    return [bounds(number, base=base, cap=cap, jitter=jitter) for number in range(1, waits + 1)]
