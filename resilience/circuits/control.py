"""What operators decide about a circuit. Each change is one transition with its event and one row in the audit log, in one transaction."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from resilience import audit
from resilience.models.circuits import CircuitState

from . import transitions
from .snapshot import CACHE


def force_open(name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    """Let no call through until `until` (UTC), or until somebody resets it."""
    values = transitions.forced(by=by, reason=reason, until=until)
    _force(name, CircuitState.FORCED_OPEN, action="circuit.force_open", by=by, reason=reason, values=values)


def disable(name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    """Let every call through and count nothing until `until` (UTC), or until somebody resets it."""
    values = transitions.forced(by=by, reason=reason, until=until)
    _force(name, CircuitState.DISABLED, action="circuit.disable", by=by, reason=reason, values=values)


def force_closed(name: str, *, by: AbstractBaseUser | None, reason: str) -> None:
    """Close it now with empty counts, whatever it was, with who and why on its row. It judges for itself from here on."""
    values = transitions.forced(by=by, reason=reason, until=None) | transitions.fresh()
    _force(name, CircuitState.CLOSED, action="circuit.force_closed", by=by, reason=reason, values=values)


def reset(name: str, *, by: AbstractBaseUser | None, reason: str) -> None:
    """Close it with empty counts and end whatever was forced."""
    _force(name, CircuitState.CLOSED, action="circuit.reset", by=by, reason=reason, values=transitions.unforced() | transitions.fresh())


def _force(name: str, state: CircuitState, *, action: str, by: AbstractBaseUser | None, reason: str, values: dict[str, object]) -> None:
    with transaction.atomic():
        transitions.force(name, state, reason=reason, values=values)
        audit.record(actor=by, action=action, target=name, reason=reason)
    CACHE.forget()  # other processes see it within a second
