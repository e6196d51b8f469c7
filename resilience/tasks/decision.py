"""What happens to a task after a run that did not succeed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .backoff import THROTTLED_BASE_SECONDS, delay
from .failure import Failure
from .registry import Kind

CRASHES_TO_POISON = 3
CRASH_BASE_SECONDS = 2.0  # a killed worker's task runs again within seconds; the poison limit bounds the loop
CRASH_CAP_SECONDS = 60.0
_LONGEST_WAIT = 1_000  # the try whose wait is the cap, whatever the base
SNOOZE_SPREAD_SECONDS = 10.0
SNOOZE_LIMIT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try again. `spent` names the retry budget that is empty, for which reason the wait is longer."""

    seconds: float
    spent: str = ""


@dataclass(frozen=True, slots=True)
class SnoozeFor:
    """Wait without spending a try: what the task needs is not there."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Bury:
    """No further try: the dead letter."""


Decision = RetryIn | SnoozeFor | Bury


def decide(
    failure: Failure, *, kind: Kind, raised: int, snoozed_for: float, random: Callable[[], float], budget: Callable[[Kind], str] = lambda kind: ""
) -> Decision:  # fmt: skip
    """Choose what comes after a run that raised.

    Args:
        raised: runs that raised so far, this one included.
        snoozed_for: seconds since the first of the snoozes in a row, 0 without one.
        random: uniform in [0, 1).
        budget: asked for each retry; returns the name of what may not be tried more often now, or nothing.
    """
    if failure.snooze is not None:
        if snoozed_for >= SNOOZE_LIMIT_SECONDS:
            return Bury()
        return SnoozeFor(failure.snooze + random() * SNOOZE_SPREAD_SECONDS)
    if failure.permanent or raised >= kind.tries:
        return Bury()
    base = max(kind.base, THROTTLED_BASE_SECONDS) if failure.throttled else kind.base
    spent = budget(kind)
    number = _LONGEST_WAIT if spent else raised
    return RetryIn(max(failure.retry_after, delay(number, base=base, cap=max(base, kind.cap), random=random, jitter=kind.jitter)), spent)


def decide_after_crash(crashes: int, *, random: Callable[[], float]) -> RetryIn | Bury:
    """Choose what comes after a run whose process ended. `crashes` counts this one; crashes spend no tries, they have their own limit."""
    if crashes >= CRASHES_TO_POISON:
        return Bury()
    return RetryIn(delay(crashes, base=CRASH_BASE_SECONDS, cap=CRASH_CAP_SECONDS, random=random))
