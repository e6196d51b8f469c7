"""Circuits in tests: their keeper works at once and on the test's own connection, so that rows are seen, and rolled back with everything else.

Tests of the real keeper (a thread, a connection of its own) use `keeper.kept_by(Keeper())` in committed transactions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import Error, connection

from resilience import circuits
from resilience.circuits import keeper as keeping
from resilience.circuits.breaker import FleetCircuit
from resilience.circuits.desk import Desk
from resilience.circuits.keeper import LOOK_SECONDS, Job
from resilience.circuits.link import LinkDown, Parameters
from resilience.circuits.storage import DatabaseStorage
from resilience.circuits.view import Permit, Snapshot


class TestsLink:
    """The test's own connection. `statements` are those that were run; `broken` says what to raise instead."""

    __test__ = False

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.broken: Exception | None = None

    @property
    def away(self) -> bool:
        return self.broken is not None

    def run(self, statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        if self.broken is not None:
            raise self.broken
        self.statements.append(statement)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return list(cursor.fetchall()) if cursor.description else []
        except Error as fault:
            raise LinkDown(str(fault)) from fault

    def close(self) -> None: ...


class KeeperAtOnce:
    """Does in the caller's thread what the keeper's thread would do soon, and reads anew when a second has passed or `forget` was called."""

    def __init__(self) -> None:
        self.circuits: list[FleetCircuit] = []
        self.link = TestsLink()
        self.desk = Desk(self.link, lambda: self.circuits)
        self.others: list[KeeperAtOnce] = []
        self._read_at = float("-inf")

    def forget(self) -> None:
        """Have the next call read anew, as one that comes seconds later."""
        self._read_at = float("-inf")
        for other in self.others:
            other.forget()
        for circuit in self.circuits:
            circuit.pass_until = circuit.refuse_until = 0.0
            circuit._asks_again_at = 0.0

    def attend(self, circuit: FleetCircuit) -> None:
        if circuit not in self.circuits:
            self.circuits.append(circuit)
            self._read_at = float("-inf")
        self._look_if_due()

    def snapshot(self, key: str) -> Snapshot:
        self._look_if_due()
        return self.desk.snapshots.get(key) or Snapshot(read_at=self.desk.read_at)

    def push_soon(self) -> None:
        self.later(lambda desk: desk.push())

    def look_soon(self) -> None:
        self.forget()

    def later(self, job: Job) -> None:
        try:
            job(self.desk)
        except LinkDown:
            return

    def begin_trial(self, circuit: FleetCircuit, version: int) -> Permit | None:
        try:
            return self.desk.begin_trial(circuit, version)
        except LinkDown:
            return None

    def _look_if_due(self) -> None:
        if time.monotonic() - self._read_at >= LOOK_SECONDS:
            self._read_at = time.monotonic()
            self.later(lambda desk: desk.push(also_healthy=True))
            self.later(lambda desk: desk.look())


@contextmanager
def new_process(patch: pytest.MonkeyPatch) -> Iterator[KeeperAtOnce]:
    """Know of no circuit, as a new process does."""
    keeper = KeeperAtOnce()
    patch.setattr(circuits, "_CIRCUITS", {})
    patch.setattr(DatabaseStorage, "links", staticmethod(lambda: keeper.link))
    with keeping.kept_by(keeper):
        yield keeper


def this_keeper() -> KeeperAtOnce:
    keeper = keeping.keeper()
    assert isinstance(keeper, KeeperAtOnce)
    return keeper


def forget() -> None:
    """Have every circuit of this test read anew at its next call."""
    this_keeper().forget()


def elsewhere(name: str, **limits: Any) -> FleetCircuit:
    """Another process's end of a circuit."""
    other, its_keeper = FleetCircuit(name, **limits), KeeperAtOnce()
    this_keeper().others.append(its_keeper)
    other.find_keeper = lambda: its_keeper  # type: ignore[method-assign]
    return other
