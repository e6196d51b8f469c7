"""Calls that fail, time that passes, and what the tables say of a circuit."""

from __future__ import annotations

import pybreaker
import pytest
from django.db import connection

from resilience.circuits import circuit
from resilience.circuits.breaker import FleetCircuit
from resilience.models import Circuit, CircuitEvent
from tests.circuits import forget


class DependencyDown(Exception): ...


def fail() -> None:
    raise DependencyDown("no answer")


def fail_times(breaker: pybreaker.CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(DependencyDown):
            breaker.call(fail)


def end_rest(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE resilience_circuit SET open_until = statement_timestamp() - interval '1 second' WHERE name = %s", [name])
    forget()


def age_window(name: str, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE resilience_circuit SET window_started_at = window_started_at - make_interval(secs => %s) WHERE name = %s", [seconds, name])


def moves(name: str) -> list[tuple[str, str]]:
    return list(CircuitEvent.objects.filter(circuit_id=name).order_by("version").values_list("from_state", "to_state"))


def row(name: str) -> Circuit:
    return Circuit.objects.get(name=name)


def opened(name: str = "mail", **limits: object) -> FleetCircuit:
    """A circuit that has just opened, and whose rest is over."""
    breaker = circuit(name, fail_max=1, **limits)
    fail_times(breaker, 1)
    end_rest(name)
    return breaker
