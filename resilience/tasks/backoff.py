"""How long to wait before the next try: one pure function for tasks and engine retries."""

from __future__ import annotations

from collections.abc import Callable

_LARGEST_EXPONENT = 60


def delay(attempt: int, *, base: float, cap: float, random: Callable[[], float]) -> float:
    """Return seconds to wait after the `attempt`-th try: U(0.5, 1) × min(cap, base × 2^(attempt-1)).

    The floor of one half keeps a least gap; the spread keeps a herd from coming back at once.

    Args:
        attempt: 1 after the first try.
        base, cap: seconds.
        random: uniform in [0, 1).
    """
    exponent = min(max(attempt, 1) - 1, _LARGEST_EXPONENT)
    return (0.5 + random() / 2) * min(cap, base * 2.0**exponent)
