"""The statements that change a circuit. Each names the version it was decided on: one that comes late changes nothing.

A transition and its event are one transaction, and the version is unique among a circuit's events: one event per transition of the fleet,
however many processes saw the cause. All of them raise django.db.Error when the database is away.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from resilience.leases import this_owner
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState

OPEN_SECONDS = 10.0
LONGEST_OPEN_SECONDS = 300.0

_NO_TRIAL: dict[str, Any] = {"trial_owner": "", "trial_expires_at": None, "trial_successes": 0}
_NO_COUNTS: dict[str, Any] = {"window_failures": 0, "window_calls": 0, "window_slow": 0}


def ensure(name: str) -> None:
    """Put the row down, closed, unless it is there."""
    Circuit.objects.bulk_create([Circuit(name=name)], ignore_conflicts=True)


def count_failure(name: str, *, version: int, error: str, fail_max: int, open_seconds: float) -> bool:
    """Count a failed call of a closed circuit, and open it when that was one too many in a row. Return whether this call opened it."""
    closed = Circuit.objects.filter(name=name, state=CircuitState.CLOSED, version=version)
    with transaction.atomic(durable=True):
        closed.update(window_failures=F("window_failures") + 1, last_error=error[:300], last_error_at=Now(), updated_at=Now())
        return _open(closed.filter(window_failures__gte=fail_max), name, version=version, reason=error, streak=0, open_seconds=open_seconds)


def forget_failures(name: str, *, version: int) -> None:
    """A call succeeded: the failures before it are no longer in a row."""
    Circuit.objects.filter(name=name, state=CircuitState.CLOSED, version=version).update(window_failures=0, updated_at=Now())


def begin_trial(name: str, *, lease_seconds: float) -> int | None:
    """Take the fleet's one trial lease, if the open time is over or the holder of the last one is. Return its version, or None."""
    open_is_over = Q(state=CircuitState.OPEN, open_until__lte=Now())
    holder_is_gone = Q(state=CircuitState.HALF_OPEN, trial_expires_at__lte=Now())
    with transaction.atomic(durable=True):
        row = Circuit.objects.filter(open_is_over | holder_is_gone, name=name).select_for_update(skip_locked=True).first()
        if row is None:
            return None
        lease = {"trial_owner": this_owner(), "trial_expires_at": Now() + timedelta(seconds=lease_seconds)}
        _move(
            Circuit.objects.filter(name=name, version=row.version), name, row.state, CircuitState.HALF_OPEN, version=row.version, reason="trial call", **lease
        )
    return row.version + 1


def trial_succeeded(name: str, *, version: int, enough: int) -> bool:
    """Count a good trial; close after `enough` of them, else let the next one begin. Return whether it closed."""
    mine = Circuit.objects.filter(name=name, state=CircuitState.HALF_OPEN, version=version)
    with transaction.atomic(durable=True):
        mine.update(trial_successes=F("trial_successes") + 1, trial_expires_at=Now())
        done = mine.filter(trial_successes__gte=enough)
        healthy = {"opened_at": None, "open_until": None, "open_streak": 0, **_NO_TRIAL, **_NO_COUNTS}
        return _move(done, name, CircuitState.HALF_OPEN, CircuitState.CLOSED, version=version, reason="trial calls succeeded", **healthy)


def trial_failed(name: str, *, version: int, error: str, open_seconds: float) -> bool:
    """Open again, for longer. Return False when the trial was no longer ours."""
    mine = Circuit.objects.filter(name=name, state=CircuitState.HALF_OPEN, version=version)
    with transaction.atomic(durable=True):
        streak = mine.values_list("open_streak", flat=True).first()
        return streak is not None and _open(mine, name, version=version, reason=error, streak=streak + 1, open_seconds=open_seconds, was=CircuitState.HALF_OPEN)


def release_trial(name: str, *, version: int) -> None:
    """A trial ended without saying anything about the dependency: let another begin."""
    Circuit.objects.filter(name=name, state=CircuitState.HALF_OPEN, version=version).update(trial_expires_at=Now())


def end_forced_time(name: str, *, version: int) -> bool:
    """Give a circuit whose forced time is over back to its own judgement."""
    over = Circuit.objects.filter(name=name, version=version, forced_until__lte=Now(), state__in=(CircuitState.FORCED_OPEN, CircuitState.DISABLED))
    with transaction.atomic(durable=True):
        was = over.values_list("state", flat=True).first()
        return was is not None and _move(over, name, was, CircuitState.CLOSED, version=version, reason="the forced time is over", **unforced(), **fresh())


def force(name: str, state: CircuitState, *, reason: str, values: dict[str, Any]) -> CircuitState:
    """Set a state by hand, whatever the circuit was. In the operator's transaction. Return the state before."""
    ensure(name)
    row = Circuit.objects.select_for_update().get(name=name)
    _move(Circuit.objects.filter(name=name, version=row.version), name, row.state, state, version=row.version, reason=reason, **values)
    return CircuitState(row.state)


def fresh() -> dict[str, Any]:
    return {"opened_at": None, "open_until": None, "open_streak": 0, **_NO_TRIAL, **_NO_COUNTS}


def unforced() -> dict[str, Any]:
    return {"forced_by": None, "forced_reason": "", "forced_until": None}


def forced(*, by: Any, reason: str, until: datetime | None) -> dict[str, Any]:
    return {"forced_by": by, "forced_reason": reason[:300], "forced_until": until}


def _open(row: QuerySet[Circuit], name: str, *, version: int, reason: str, streak: int, open_seconds: float, was: str = CircuitState.CLOSED) -> bool:
    seconds = min(LONGEST_OPEN_SECONDS, open_seconds * 2.0 ** min(streak, 20)) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the fleet
    until = Now() + timedelta(seconds=seconds)
    values = {"opened_at": Now(), "open_until": until, "open_streak": streak, "last_error": reason[:300], "last_error_at": Now(), **_NO_TRIAL}
    return _move(row, name, was, CircuitState.OPEN, version=version, reason=reason, **values)


def _move(row: QuerySet[Circuit], name: str, was: str, state: CircuitState, *, version: int, reason: str, **values: Any) -> bool:
    """Change the state and write its event. Only inside a transaction, as the two belong together."""
    if not row.update(state=state, version=version + 1, updated_at=Now(), **values):
        return False
    CircuitEvent.objects.create(circuit_id=name, version=version + 1, from_state=was, to_state=state, reason=reason[:300], owner=this_owner())
    return True
