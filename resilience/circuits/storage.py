"""pybreaker's storage over our tables.

A plain `pybreaker.CircuitBreaker(state_storage=DatabaseStorage(name))` works with it, though without the fleet's single trial call; our own
`FleetCircuit` has its keeper instead, and a name belongs to one of the two. When the database is away nothing is raised: reads give what was
known last, writes are dropped. Unlike a FleetCircuit's, its callers wait for the database: half a second at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pybreaker
import structlog

from resilience.leases import this_owner
from resilience.models.circuits import BY_HAND, CircuitState

from . import sql, statements
from .limits import Limits
from .link import Link, LinkDown, OwnLink, Parameters
from .names import OURS, THEIRS

log = structlog.get_logger(__name__)

_here = threading.local()


def _own_link() -> Link:
    """One connection per thread that has such a breaker."""
    link: Link | None = getattr(_here, "link", None)
    if link is None:
        link = _here.link = OwnLink()
    return link


class DatabaseStorage(pybreaker.CircuitBreakerStorage):
    """State, counts and opening time of one circuit, shared by every process.

    Args:
        link: how to reach the database; by default a connection of this thread's own.
    """

    links: Callable[[], Link] = staticmethod(_own_link)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._last: tuple[CircuitState, int, int, int, datetime | None] = (CircuitState.CLOSED, 0, 0, 0, None)
        try:
            statements.ensure(self.links(), [(name, Limits())])
        except LinkDown as down:
            log.warning("circuit.database_away", circuit=name, error=str(down))

    @property
    def state(self) -> str:
        return THEIRS[self._read()[0]]

    @state.setter
    def state(self, state: str) -> None:
        """Move, with one event, unless it is there already or an operator has decided."""
        now, version, *_rest = self._read()
        wanted = OURS[state]
        if now is not wanted and now not in BY_HAND:
            given = {"name": self.name, "version": version, "was": now.value, "state": wanted.value, "owner": this_owner()}
            self._run(sql.STORE_STATE, given)

    @property
    def counter(self) -> int:
        return self._read()[2]

    @property
    def success_counter(self) -> int:
        return self._read()[3]

    def increment_counter(self) -> None:
        self._run(sql.STORE_FAILURE, [self.name])

    def reset_counter(self) -> None:
        self._run(sql.STORE_NO_FAILURES, [self.name])

    def increment_success_counter(self) -> None:
        self._run(sql.STORE_SUCCESS, [self.name])

    def reset_success_counter(self) -> None:
        self._run(sql.STORE_NO_SUCCESSES, [self.name])

    @property
    def opened_at(self) -> datetime | None:
        state, _version, _failures, _successes, opened_at = self._read()
        if state is CircuitState.FORCED_OPEN:
            return datetime.max.replace(tzinfo=UTC, year=9000)  # never over for a breaker that reckons with its own timeout
        return opened_at

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._run(sql.STORE_OPENED, {"name": self.name, "moment": moment})  # a late one never takes the opening back

    def _read(self) -> tuple[CircuitState, int, int, int, datetime | None]:
        for state, *rest in self._run(sql.STORED, [self.name]):
            self._last = (CircuitState(state), *rest)
        return self._last

    def _run(self, statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        try:
            return self.links().run(statement, parameters)
        except LinkDown as down:
            log.warning("circuit.database_away", circuit=self.name, error=str(down))
            return []
