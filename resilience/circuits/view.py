"""What a process last heard of a circuit, and what follows from it for a call: no clock, no database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from resilience.models.circuits import BY_HAND, CircuitState

STALE_SECONDS = 30.0  # what is older is no longer obeyed, but for what an operator forced
NEVER = float("-inf")
ENDLESS = float("inf")
LONGEST_HINT_SECONDS = 60.0  # callers ask again by then, whatever was forced


class Verdict(Enum):
    PASS = "pass"  # noqa: S105 - no password
    REFUSE = "refuse"
    TRIAL = "a trial may be asked for"
    ALONE = "nothing is known any more: this process decides for itself"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One circuit as it was read. Moments are local monotonic time: the database gives remaining seconds, so no two clocks are compared.

    Args:
        failing: the fleet counted failures within the window; then calls that go well are pushed too.
        known: it has a row.
    """

    state: CircuitState = CircuitState.CLOSED
    version: int = 0
    open_until: float = NEVER
    trial_until: float = NEVER
    forced_until: float = ENDLESS
    cause: str = ""
    failing: bool = False
    known: bool = False
    read_at: float = NEVER

    @property
    def until(self) -> float:
        """When calls may be let through again, as far as it is known."""
        match self.state:
            case CircuitState.OPEN:
                return self.open_until
            case CircuitState.HALF_OPEN:
                return self.trial_until
            case CircuitState.FORCED_OPEN:
                return self.forced_until
            case _:
                return NEVER

    def is_forced(self, now: float) -> bool:
        return self.state in BY_HAND and now < self.forced_until

    def judge(self, now: float) -> Verdict:
        if self.is_forced(now):
            return Verdict.REFUSE if self.state is CircuitState.FORCED_OPEN else Verdict.PASS
        if now - self.read_at > STALE_SECONDS:
            return Verdict.ALONE
        if self.state in (CircuitState.OPEN, CircuitState.HALF_OPEN):
            return Verdict.REFUSE if now < self.until else Verdict.TRIAL
        return Verdict.PASS  # closed, or forced until a moment that is over

    def rest_seconds(self, now: float) -> float:
        return max(0.0, min(self.until - now, LONGEST_HINT_SECONDS)) if self.judge(now) is Verdict.REFUSE else 0.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call.

    Args:
        version: of the circuit when leave was given; None when nobody could be asked.
        trial: with the fleet's lease. local_trial: the number of a trial of this process alone.
        counted: how it goes is counted; not while an operator disabled the circuit.
    """

    version: int | None = None
    trial: bool = False
    local_trial: int = 0
    counted: bool = True
