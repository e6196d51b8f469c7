"""What operators decide about a circuit. Each change is one transition with its event and one row in the audit log, in one transaction."""

from __future__ import annotations

import json
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from resilience import audit
from resilience.leases import this_owner
from resilience.models.circuits import CircuitState

from . import sql
from .keeper import keeper
from .limits import Limits


def force_open(name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    """Let no call through until `until` (UTC), or until somebody resets it."""
    _force(name, CircuitState.FORCED_OPEN, action="circuit.force_open", by=by, reason=reason, until=until)


def force_closed(name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    """Let every call through and count how they go, but never open, until `until` (UTC), or until somebody resets it."""
    _force(name, CircuitState.FORCED_CLOSED, action="circuit.force_closed", by=by, reason=reason, until=until)


def disable(name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    """Let every call through and count nothing until `until` (UTC), or until somebody resets it."""
    _force(name, CircuitState.DISABLED, action="circuit.disable", by=by, reason=reason, until=until)


def reset(name: str, *, by: AbstractBaseUser | None, reason: str) -> None:
    """Close it with empty counts and end whatever was forced. It judges for itself from here on."""
    _force(name, CircuitState.CLOSED, action="circuit.reset", by=by, reason=reason)


def _force(name: str, state: CircuitState, *, action: str, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> None:
    forced = state is not CircuitState.CLOSED
    given = {
        "name": name,
        "state": state.value,
        "by": by.pk if by is not None and forced else None,
        "reason": reason[:300] if forced else "",
        "until": until,
        "why": reason[:300],
        "owner": this_owner(),
    }
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(sql.ENSURE_ONE, [name, json.dumps(Limits().as_json(), sort_keys=True)])
            cursor.execute(sql.FORCE, given)
        audit.record(actor=by, action=action, target=name, reason=reason)
    transaction.on_commit(keeper().look_soon)  # other processes see it within a second
