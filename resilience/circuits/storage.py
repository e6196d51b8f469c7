"""pybreaker's storage over our tables.

A plain `pybreaker.CircuitBreaker(state_storage=DatabaseStorage(name))` works with it, though without the fleet's single trial call; our own
`FleetCircuit` uses the statements of `transitions` instead. When the database is away nothing is raised: reads give what was known last,
writes are dropped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pybreaker
import structlog
from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from resilience.leases import this_owner
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState

from . import transitions

log = structlog.get_logger(__name__)

# What pybreaker calls our five states, and back.
_THEIRS: dict[str, str] = {
    CircuitState.CLOSED: pybreaker.STATE_CLOSED,
    CircuitState.DISABLED: pybreaker.STATE_CLOSED,
    CircuitState.OPEN: pybreaker.STATE_OPEN,
    CircuitState.FORCED_OPEN: pybreaker.STATE_OPEN,
    CircuitState.HALF_OPEN: pybreaker.STATE_HALF_OPEN,
}
_OURS = {
    pybreaker.STATE_CLOSED: CircuitState.CLOSED,
    pybreaker.STATE_OPEN: CircuitState.OPEN,
    pybreaker.STATE_HALF_OPEN: CircuitState.HALF_OPEN,
}
_BY_HAND = (CircuitState.FORCED_OPEN, CircuitState.DISABLED)


class DatabaseStorage(pybreaker.CircuitBreakerStorage):
    """State, counts and opening time of one circuit, shared by every process."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._last = Circuit(name=name)
        with self._patiently():
            transitions.ensure(name)

    @property
    def state(self) -> str:
        return _THEIRS[self._row().state]

    @state.setter
    def state(self, state: str) -> None:
        """Move, with one event, unless it is there already or an operator has decided."""
        row, wanted = self._row(), _OURS[state]
        if row.state in (wanted, *_BY_HAND):
            return
        with self._patiently(), transaction.atomic():
            moved = self._rows().filter(state=row.state, version=row.version).update(state=wanted, version=row.version + 1, updated_at=Now())
            if moved:
                CircuitEvent.objects.create(
                    circuit_id=self.name, version=row.version + 1, from_state=row.state, to_state=wanted, reason=row.last_error, owner=this_owner()
                )

    @property
    def counter(self) -> int:
        return self._row().window_failures

    @property
    def success_counter(self) -> int:
        return self._row().trial_successes

    def increment_counter(self) -> None:
        self._write(window_failures=F("window_failures") + 1, last_error_at=Now())

    def reset_counter(self) -> None:
        with self._patiently():  # no row version is written where there is nothing to reset: healthy calls stay cheap
            self._rows().filter(window_failures__gt=0).update(window_failures=0)

    def increment_success_counter(self) -> None:
        self._write(trial_successes=F("trial_successes") + 1)

    def reset_success_counter(self) -> None:
        with self._patiently():
            self._rows().filter(trial_successes__gt=0).update(trial_successes=0)

    @property
    def opened_at(self) -> datetime | None:
        row = self._row()
        if row.state == CircuitState.FORCED_OPEN:
            return datetime.max.replace(tzinfo=UTC, year=9000)  # never over for a breaker that reckons with its own timeout
        return row.opened_at

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        with self._patiently():  # a late one never takes the opening back
            self._rows().exclude(opened_at__gt=moment).update(opened_at=moment)

    def _rows(self) -> QuerySet[Circuit]:
        return Circuit.objects.filter(name=self.name)

    def _row(self) -> Circuit:
        with self._patiently():
            self._last = self._rows().first() or self._last
        return self._last

    def _write(self, **values: object) -> None:
        with self._patiently():
            self._rows().update(**values)

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        try:
            yield
        except DatabaseFault:
            if connection.in_atomic_block:
                raise  # a broken transaction is the caller's to end
            connection.close()
            log.warning("circuit.database_away", circuit=self.name)
