"""A circuit is one thing for the whole fleet: storages, breakers and operators all see the same."""

from __future__ import annotations

import threading
import time

import pybreaker
import pytest
from django.db import OperationalError, connection, transaction

from resilience.circuits import CircuitOpen, circuit, control, transitions
from resilience.circuits.breaker import FleetCircuit
from resilience.circuits.snapshot import CACHE, Cache
from resilience.circuits.storage import DatabaseStorage
from resilience.http.errors import NotFound
from resilience.models import Circuit, CircuitEvent, OperatorAction
from resilience.models.circuits import CircuitState
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class DependencyDown(Exception): ...


def fail() -> None:
    raise DependencyDown("no answer")


def fail_times(breaker: pybreaker.CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(DependencyDown):
            breaker.call(fail)


def end_open_time(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE resilience_circuit SET open_until = statement_timestamp() - interval '1 second' WHERE name = %s", [name])
    CACHE.forget()


def moves(name: str) -> list[tuple[str, str]]:
    return list(CircuitEvent.objects.filter(circuit_id=name).order_by("version").values_list("from_state", "to_state"))


def test_a_good_call_gives_its_result_and_leaves_a_row_to_look_at():
    assert circuit("mail").call(lambda a, b: a + b, 1, b=2) == 3
    assert Circuit.objects.get(name="mail").state == CircuitState.CLOSED


def test_healthy_calls_cost_no_query(django_assert_num_queries):
    circuit("mail").call(int)
    CACHE._fresh_for = 60.0
    CACHE.get("mail")
    with django_assert_num_queries(0):
        for _ in range(20):
            circuit("mail").call(int)


def test_failures_in_a_row_open_it_and_the_caller_gets_its_own_error_each_time():
    fail_times(circuit("mail", fail_max=3), 3)
    with pytest.raises(CircuitOpen) as refused:
        circuit("mail").call(int)
    assert 0 < refused.value.retry_after <= 12
    assert refused.value.cause == "DependencyDown: no answer"
    assert isinstance(refused.value, pybreaker.CircuitBreakerError)
    assert "no answer" not in refused.value.detail
    assert moves("mail") == [("closed", "open")]


def test_a_success_between_failures_starts_the_count_again():
    breaker = circuit("mail", fail_max=3)
    fail_times(breaker, 2)
    breaker.call(int)
    fail_times(breaker, 2)
    assert Circuit.objects.get(name="mail").state == CircuitState.CLOSED


def test_an_error_of_the_users_does_not_count():
    breaker = circuit("mail", fail_max=1)

    def not_there() -> None:
        raise NotFound()

    with pytest.raises(NotFound):
        breaker.call(not_there)
    assert Circuit.objects.get(name="mail").window_failures == 0


def test_being_stopped_is_no_failure_and_gives_the_trial_back():
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 1)
    end_open_time("mail")

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaker.call(stop)
    row = Circuit.objects.get(name="mail")
    assert row.state == CircuitState.HALF_OPEN
    breaker._trial_again_at = 0.0
    CACHE.forget()
    assert breaker.call(int) == 0
    assert Circuit.objects.get(name="mail").state == CircuitState.CLOSED


def test_a_good_trial_closes_it_and_a_bad_one_opens_it_for_longer():
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 1)
    end_open_time("mail")
    fail_times(breaker, 1)
    row = Circuit.objects.get(name="mail")
    assert (row.state, row.open_streak) == (CircuitState.OPEN, 1)
    assert (row.open_until - row.opened_at).total_seconds() > 15
    end_open_time("mail")
    breaker._trial_again_at = 0.0
    assert breaker.call(int) == 0
    assert moves("mail") == [("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("open", "half_open"), ("half_open", "closed")]
    assert Circuit.objects.get(name="mail").open_streak == 0


def test_only_one_process_of_the_fleet_makes_the_trial_call():
    one, other = FleetCircuit("mail", fail_max=1), FleetCircuit("mail", fail_max=1)
    fail_times(one, 1)
    end_open_time("mail")
    calls = []

    def slow() -> None:
        calls.append("one")
        CACHE.forget()
        with pytest.raises(CircuitOpen):
            other.call(calls.append, "other")

    one.call(slow)
    assert calls == ["one"]


def test_the_trial_of_a_holder_that_died_passes_to_another():
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 1)
    end_open_time("mail")
    assert transitions.begin_trial("mail", lease_seconds=-1) is not None  # a process that took it and was killed
    CACHE.forget()
    assert breaker.call(int) == 0


def test_a_late_failure_neither_extends_an_open_circuit_nor_writes_an_event():
    breaker = circuit("mail", fail_max=1)
    breaker.call(int)
    late = Circuit.objects.get(name="mail").version
    fail_times(breaker, 1)
    before = Circuit.objects.get(name="mail")
    assert not transitions.count_failure("mail", version=late, error="late", fail_max=1, open_seconds=10)
    after = Circuit.objects.get(name="mail")
    assert (after.open_until, after.version) == (before.open_until, before.version)
    assert not transitions.trial_failed("mail", version=late, error="late", open_seconds=10)
    assert len(moves("mail")) == 1


def test_listeners_hear_of_a_transition_from_the_process_that_made_it():
    heard = []

    class Listener(pybreaker.CircuitBreakerListener):
        def state_change(self, cb, old_state, new_state):
            heard.append((old_state.name, new_state.name))

    watching, failing = FleetCircuit("mail", fail_max=1), FleetCircuit("mail", fail_max=1)
    watching.add_listener(Listener())
    failing.add_listener(Listener())
    fail_times(failing, 1)
    with pytest.raises(CircuitOpen):
        watching.call(int)
    assert heard == [("closed", "open")]


def test_it_can_guard_a_block_and_decorate_a_function():
    with circuit("mail").calling():
        pass

    @circuit("mail")
    def double(number: int) -> int:
        return number * 2

    assert double(4) == 8


def test_no_dependency_is_called_inside_a_transaction():
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        circuit("mail").call(int)


def test_two_plain_breakers_over_two_storages_share_one_circuit():
    first = pybreaker.CircuitBreaker(fail_max=2, state_storage=DatabaseStorage("plain"), throw_new_error_on_trip=False)
    second = pybreaker.CircuitBreaker(fail_max=2, state_storage=DatabaseStorage("plain"), throw_new_error_on_trip=False)
    fail_times(first, 1)
    assert second.fail_counter == 1
    fail_times(second, 1)
    assert first.current_state == pybreaker.STATE_OPEN
    with pytest.raises(pybreaker.CircuitBreakerError):
        first.call(int)
    assert moves("plain") == [("closed", "open")]


def test_a_plain_breaker_obeys_an_operator():
    plain = pybreaker.CircuitBreaker(state_storage=DatabaseStorage("plain"), reset_timeout=0.01)
    control.force_open("plain", by=None, reason="maintenance")
    time.sleep(0.02)
    with pytest.raises(pybreaker.CircuitBreakerError):
        plain.call(int)


class TestOperators:
    def test_forcing_it_open_refuses_calls_and_is_on_record(self):
        person = make_user(staff=True)
        control.force_open("mail", by=person, reason="maintenance window")
        with pytest.raises(CircuitOpen) as refused:
            circuit("mail").call(int)
        assert refused.value.cause == "maintenance window"
        row = Circuit.objects.get(name="mail")
        assert (row.forced_by, row.forced_reason) == (person, "maintenance window")
        record = OperatorAction.objects.get()
        assert (record.actor, record.action, record.target, record.reason) == (person, "circuit.force_open", "mail", "maintenance window")
        assert moves("mail") == [("closed", "forced_open")]

    def test_a_forced_time_ends_by_itself(self):
        from datetime import timedelta

        from django.utils import timezone

        control.force_open("mail", by=None, reason="short", until=timezone.now() - timedelta(seconds=1))
        assert circuit("mail").call(int) == 0
        assert moves("mail")[-1] == ("forced_open", "closed")

    def test_a_disabled_one_lets_everything_through_and_counts_nothing(self):
        control.disable("mail", by=None, reason="it lies")
        fail_times(circuit("mail", fail_max=1), 3)
        row = Circuit.objects.get(name="mail")
        assert (row.state, row.window_failures) == (CircuitState.DISABLED, 0)

    def test_a_reset_closes_an_open_one(self):
        breaker = circuit("mail", fail_max=1)
        fail_times(breaker, 1)
        control.reset("mail", by=None, reason="mended")
        assert breaker.call(int) == 0
        assert Circuit.objects.get(name="mail").open_until is None

    def test_a_trial_that_ends_after_an_operator_decided_changes_nothing(self):
        breaker = circuit("mail", fail_max=1)
        fail_times(breaker, 1)
        end_open_time("mail")
        breaker.call(lambda: control.force_open("mail", by=None, reason="no more of this"))
        assert Circuit.objects.get(name="mail").state == CircuitState.FORCED_OPEN


class TestDatabaseAway:
    @pytest.fixture
    def away(self, monkeypatch):
        def gone(*_args: object, **_values: object) -> None:
            raise OperationalError("the server is gone")

        for name in ("ensure", "count_failure", "forget_failures", "begin_trial"):
            monkeypatch.setattr(transitions, name, gone)
        monkeypatch.setattr("resilience.circuits.snapshot.read_all", gone)

    def test_calls_go_on_and_a_failing_dependency_is_still_left_alone(self, away):
        breaker = circuit("mail", fail_max=2, reset_timeout=0.2)
        assert breaker.call(int) == 0
        fail_times(breaker, 2)
        with pytest.raises(CircuitOpen):
            breaker.call(int)
        time.sleep(0.25)
        assert breaker.call(int) == 0

    def test_what_the_fleet_decided_last_still_counts(self, monkeypatch):
        breaker = circuit("mail", fail_max=1)
        fail_times(breaker, 1)
        with pytest.raises(CircuitOpen):
            breaker.call(int)
        breaker._local.succeeded()
        monkeypatch.setattr(Cache, "get", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
        with pytest.raises(CircuitOpen):
            breaker.call(int)


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_one_opens_it_and_no_lock_is_held_over_the_call():
    breaker = circuit("storm", fail_max=4)
    breaker.call(int)
    gate = threading.Barrier(8)

    def slow_failure() -> None:
        gate.wait(timeout=10)  # only passes when all eight are inside the call at once
        raise DependencyDown

    def work() -> None:
        try:
            breaker.call(slow_failure)
        except DependencyDown:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert moves("storm") == [("closed", "open")]
