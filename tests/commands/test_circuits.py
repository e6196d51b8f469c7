"""`manage.py circuits`: what is listed, what is forced, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from resilience.circuits import CircuitOpen, circuit
from resilience.models import Circuit, CircuitEvent, OperatorAction
from resilience.models.circuits import CircuitState
from tests.admin.rows import make_circuit
from tests.circuits import forget

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("circuits", *arguments, stdout=output)
    return output.getvalue()


def data(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_without_circuits_it_says_so() -> None:
    assert "no circuits yet" in run()
    assert data() == {"action": "list", "dry_run": False, "circuits": []}


def test_it_lists_states_counts_and_ends() -> None:
    make_circuit(
        name="mail",
        state=CircuitState.OPEN,
        open_until=timezone.now() + timedelta(minutes=20, seconds=30),
        window_calls=12,
        window_failures=7,
        last_error="refused",
    )
    make_circuit(name="s3", limits={"min_calls": 10})
    assert run().splitlines() == [
        "mail: open (for 20 min more); 12 calls counted, 7 failed, 0 slow; last error: refused",
        "s3: closed; 0 calls counted, 0 failed, 0 slow",
    ]
    [found] = data("list", "s3")["circuits"]
    assert (found["name"], found["state"], found["limits"], found["until"]) == ("s3", "closed", {"min_calls": 10}, None)


@pytest.mark.parametrize(
    ("action", "state"),
    [("open", CircuitState.FORCED_OPEN), ("close", CircuitState.FORCED_CLOSED), ("disable", CircuitState.DISABLED), ("reset", CircuitState.CLOSED)],
)
def test_a_change_is_made_recorded_and_told(action: str, state: str) -> None:
    make_circuit(name="mail", state=CircuitState.HALF_OPEN, version=6)
    minutes = [] if action == "reset" else ["--minutes", "30"]
    [told] = data(action, "mail", "--reason", "maintenance", *minutes)["circuits"]
    row = Circuit.objects.get(name="mail")
    assert (row.state, told["state"], row.version) == (state, state, 7)
    assert (CircuitEvent.objects.get().to_state, OperatorAction.objects.get().reason) == (state, "maintenance")
    if minutes:
        assert row.forced_until is not None
        assert timedelta(minutes=29) < row.forced_until - timezone.now() <= timedelta(minutes=30)


def test_what_it_forces_holds_for_calls() -> None:
    circuit("mail").call(int)
    run("open", "mail", "--reason", "maintenance")
    forget()
    with pytest.raises(CircuitOpen):
        circuit("mail").call(int)
    assert "forced open (maintenance; until it is reset)" in run()


def test_a_dry_run_changes_nothing() -> None:
    make_circuit(name="mail")
    assert run("open", "mail", "--dry-run").startswith("Would be forced open: mail")
    assert (Circuit.objects.get().state, OperatorAction.objects.count()) == (CircuitState.CLOSED, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("open", "mial", "--reason", "maintenance"),
        ("open", "--reason", "maintenance"),
        ("open", "mail"),
        ("open", "mail", "--reason", "maintenance", "--minutes", "0"),
        ("open", "mail", "--reason", "maintenance", "--minutes", "1e9"),
        ("reset", "mail", "--reason", "maintenance", "--minutes", "5"),
        ("list", "mial"),
    ],
    ids=["unknown", "none", "no_reason", "no_time", "too_long", "reset_with_time", "list_unknown"],
)
def test_wrong_use_ends_with_2_and_changes_nothing(arguments: tuple[str, ...]) -> None:
    make_circuit(name="mail")
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == 2
    assert Circuit.objects.get().state == CircuitState.CLOSED
