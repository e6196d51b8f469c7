"""pybreaker's words for our states."""

from __future__ import annotations

import pybreaker

from resilience.models.circuits import CircuitState

THEIRS: dict[CircuitState, str] = {
    CircuitState.CLOSED: pybreaker.STATE_CLOSED,
    CircuitState.FORCED_CLOSED: pybreaker.STATE_CLOSED,
    CircuitState.DISABLED: pybreaker.STATE_CLOSED,
    CircuitState.OPEN: pybreaker.STATE_OPEN,
    CircuitState.FORCED_OPEN: pybreaker.STATE_OPEN,
    CircuitState.HALF_OPEN: pybreaker.STATE_HALF_OPEN,
}
OURS = {
    pybreaker.STATE_CLOSED: CircuitState.CLOSED,
    pybreaker.STATE_OPEN: CircuitState.OPEN,
    pybreaker.STATE_HALF_OPEN: CircuitState.HALF_OPEN,
}


class Named(pybreaker.CircuitBreakerState):
    """A state as listeners see it: its name."""
