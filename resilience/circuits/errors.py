"""The one way a circuit says no."""

from __future__ import annotations

import pybreaker

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, wait


class CircuitOpen(AppError, pybreaker.CircuitBreakerError):
    """The call was not made: what it needs has been failing, or an operator closed the way.

    `retry_after` is in seconds. `cause` is the last failure's own words: for operators and logs, never for a person's page.
    """

    entry = Entry(
        code="CIRCUIT_OPEN",
        title="A part of the system is resting",
        what_happened="Something we depend on for this keeps failing, so we leave it alone for a moment and go on by ourselves after that.",
        actions=(wait("Nothing to do: we try again by ourselves"), ASK_FOR_HELP),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AFTER_WAIT, severity="warning",
        fields=("circuit",),
        runbook="Open the circuit's page in admin: its events say since when and why. Mend the dependency; the circuit closes by itself.",
        examples=({"circuit": "engine.local"},),
    )  # fmt: skip

    def __init__(self, *, circuit: str, retry_after: float, cause: str = "") -> None:
        super().__init__(circuit=circuit, retry_after=max(retry_after, 0.1))
        self.cause = cause
