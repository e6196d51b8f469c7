"""A dependency that fails until its circuit opens, and the one trial of the fleet that closes it again, whoever dies holding it."""

from __future__ import annotations

import time
from collections.abc import Callable

from resilience import circuits
from resilience.circuits import CircuitOpen
from resilience.models.circuits import Circuit, CircuitEvent, CircuitState

from .world import World

NAME = "walker"
PATIENCE_SECONDS = 60.0


class Away(Exception):
    """The dependency does not answer."""


def trial(world: World) -> None:
    world.ledger.once("slow")
    made = circuits.circuit(NAME)
    if not world.ledger.last("opened"):
        _until(made, lambda: _state() == CircuitState.OPEN, fails=True)
        world.ledger.note("opened")
    world.time_passes(minutes=10)
    _until(made, lambda: _state() == CircuitState.CLOSED, fails=False)
    versions = list(CircuitEvent.objects.filter(circuit__name=NAME).values_list("version", flat=True))
    assert len(versions) == len(set(versions)), versions


def _until(made: circuits.FleetCircuit, wanted: Callable[[], bool], *, fails: bool) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted():
        assert time.monotonic() < deadline, f"{_state()}, though every call {'fails' if fails else 'is answered'}"
        try:
            made.call(_away if fails else _there)
        except Away:
            continue
        except CircuitOpen:
            time.sleep(0.05)


def _state() -> str:
    return Circuit.objects.filter(name=NAME).values_list("state", flat=True).first() or CircuitState.CLOSED


def _away() -> None:
    raise Away


def _there() -> None:
    """It answers."""
