"""What operators force on a circuit holds for everybody, for as long as they said, and is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from resilience.circuits import CircuitOpen, circuit, control
from resilience.models import Circuit, CircuitEvent, OperatorAction
from resilience.models.circuits import CircuitState
from tests.circuits import elsewhere, forget
from tests.factories import make_user
from tests.resilience.circuit_steps import DependencyDown, end_rest, fail_times, moves, row

pytestmark = pytest.mark.django_db


def end_forced_time(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE resilience_circuit SET forced_until = statement_timestamp() - interval '1 second' WHERE name = %s", [name])
    forget()


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def test_forcing_it_open_refuses_calls_and_is_on_record():
    person = make_user(staff=True)
    control.force_open("mail", by=person, reason="maintenance window")
    with pytest.raises(CircuitOpen) as refused:
        circuit("mail").call(int)
    assert (refused.value.cause, refused.value.retry_after) == ("maintenance window", 60.0)
    assert (row("mail").forced_by, row("mail").forced_reason) == (person, "maintenance window")
    record = OperatorAction.objects.get()
    assert (record.actor, record.action, record.target, record.reason) == (person, "circuit.force_open", "mail", "maintenance window")
    assert moves("mail") == [("closed", "forced_open")]


@pytest.mark.parametrize("force", [control.force_open, control.force_closed, control.disable], ids=["open", "closed", "disabled"])
def test_a_forced_time_ends_by_itself_with_one_event(force):
    breaker, other = circuit("mail", fail_max=1), elsewhere("mail", fail_max=1)
    force("mail", by=None, reason="short", until=in_an_hour())
    before = row("mail").state
    end_forced_time("mail")
    assert (breaker.call(int), other.call(int)) == (0, 0)
    assert (row("mail").state, row("mail").forced_until, row("mail").forced_reason) == (CircuitState.CLOSED, None, "")
    assert moves("mail") == [("closed", before), (before, "closed")]
    fail_times(breaker, 1)
    assert row("mail").state == CircuitState.OPEN


def test_a_forced_time_is_over_here_though_nobody_could_be_told():
    """The database may be away when it ends."""
    control.force_open("mail", by=None, reason="short", until=timezone.now() - timedelta(seconds=1))
    assert circuit("mail").call(int) == 0


def test_one_forced_closed_counts_and_never_opens():
    control.force_closed("mail", by=None, reason="a false alarm", until=in_an_hour())
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 12)
    assert (row("mail").state, row("mail").window_failures, row("mail").last_error) == (CircuitState.FORCED_CLOSED, 12, "DependencyDown: no answer")


def test_a_disabled_one_lets_everything_through_and_counts_nothing():
    control.disable("mail", by=None, reason="it lies")
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 3)
    breaker.call(int)
    assert (row("mail").state, row("mail").window_failures, row("mail").window_calls) == (CircuitState.DISABLED, 0, 0)


def test_a_reset_closes_an_open_one_with_empty_counts():
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 1)
    control.reset("mail", by=None, reason="mended")
    forget()
    assert breaker.call(int) == 0
    assert (row("mail").open_until, row("mail").window_calls) == (None, 0)


def test_an_operator_may_decide_before_anybody_used_it():
    control.force_open("never.used", by=None, reason="not yet")
    assert CircuitEvent.objects.get(circuit_id="never.used").to_state == CircuitState.FORCED_OPEN
    assert Circuit.objects.get(name="never.used").limits["min_calls"] == 10


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_trial_that_ends_after_an_operator_decided_changes_nothing(good):
    breaker = circuit("mail", fail_max=1, success_threshold=1)
    fail_times(breaker, 1)
    end_rest("mail")

    def decide() -> None:
        control.force_open("mail", by=None, reason="no more of this")
        if not good:
            raise DependencyDown

    if good:
        breaker.call(decide)
    else:
        with pytest.raises(DependencyDown):
            breaker.call(decide)
    assert row("mail").state == CircuitState.FORCED_OPEN
    assert moves("mail")[-1] == ("half_open", "forced_open")


def test_a_call_from_before_a_reset_counts_nowhere_after_it():
    breaker = circuit("mail", fail_max=1)
    breaker.call(int)

    def fails_long_after() -> None:
        control.force_open("mail", by=None, reason="maintenance")
        control.reset("mail", by=None, reason="done")
        forget()
        breaker.call(int)
        raise DependencyDown

    with pytest.raises(DependencyDown):
        breaker.call(fails_long_after)
    assert breaker.call(int) == 0
    assert (row("mail").state, row("mail").window_failures) == (CircuitState.CLOSED, 0)
