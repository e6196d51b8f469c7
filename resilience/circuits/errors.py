"""The one way a circuit says no."""

from __future__ import annotations

from typing import Any

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

    retry_after: float
    errors = ()
    cause: str

    def __init__(self, *, circuit: str, retry_after: float, cause: str = "") -> None:
        # Not AppError's own: most refusals are never put into words.
        self.args = ({"circuit": circuit}, max(retry_after, 0.1), cause)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.args[_IN_ARGS[name]]
        except (KeyError, IndexError):
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return self.detail


_IN_ARGS = {"fields": 0, "retry_after": 1, "cause": 2}


def refusal(fields: dict[str, str], retry_after: float, cause: str, made: Any = CircuitOpen.__new__) -> CircuitOpen:
    """Make a CircuitOpen past its `__init__` and without a dictionary: a circuit refuses as quickly as it lets through."""
    found: CircuitOpen = made(CircuitOpen, fields, retry_after, cause)
    return found
