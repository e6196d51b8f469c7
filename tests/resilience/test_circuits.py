"""A circuit is one thing for the whole fleet: processes, breakers of pybreaker's own and operators all see the same."""

from __future__ import annotations

import pybreaker
import pytest
from django.db import transaction

from resilience.circuits import CircuitOpen, circuit, rests, sql
from resilience.circuits.limits import Counts, Limits
from resilience.circuits.statements import Batch, count
from resilience.http.errors import NotFound
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState
from tests.circuits import TestsLink, elsewhere, forget, this_keeper
from tests.resilience.circuit_steps import DependencyDown, age_window, end_rest, fail, fail_times, moves, opened, row

pytestmark = pytest.mark.django_db


def test_a_good_call_gives_its_result_and_leaves_a_row_to_look_at():
    assert circuit("mail", timeout=7.0).call(lambda a, b: a + b, 1, b=2) == 3
    assert row("mail").state == CircuitState.CLOSED
    assert row("mail").limits["timeout"] == 7.0


def test_healthy_calls_ask_nothing(django_assert_num_queries):
    breaker = circuit("mail")
    breaker.call(int)
    breaker.pass_until += 60
    with django_assert_num_queries(0):
        for _ in range(20):
            breaker.call(int)
            with breaker.calling():
                pass


def test_it_opens_at_half_of_ten_and_the_caller_gets_its_own_error_each_time():
    breaker = circuit("mail")
    for _ in range(5):
        breaker.call(int)
    fail_times(breaker, 4)
    breaker.call(int)
    assert row("mail").state == CircuitState.CLOSED
    fail_times(breaker, 2)
    with pytest.raises(CircuitOpen) as refused:
        breaker.call(int)
    assert 0 < refused.value.retry_after <= 12
    assert refused.value.cause == "DependencyDown: no answer"
    assert refused.value.fields == {"circuit": "mail"}
    assert isinstance(refused.value, pybreaker.CircuitBreakerError)
    assert "no answer" not in f"{refused.value.detail} {refused.value}"
    assert moves("mail") == [("closed", "open")]
    assert CircuitEvent.objects.get(circuit_id="mail").reason.startswith("6 of 12 calls failed")


def test_a_few_failures_are_not_judged():
    fail_times(circuit("mail"), 9)
    assert (row("mail").state, row("mail").window_failures) == (CircuitState.CLOSED, 9)


def test_what_is_older_than_the_window_counts_no_more():
    """Failures slide out one slot after the other, not with a jump."""
    link, limits = TestsLink(), Limits()
    circuit("mail").call(int)
    for _ in range(3):
        age_window("mail", 10.0)
        count(link, [Batch("mail", 0, Counts(3, 3), "x", limits)])
    assert row("mail").window_failures == 9
    age_window("mail", 10.0)
    count(link, [Batch("mail", 0, Counts(1, 0), "", limits)])
    assert (row("mail").window_calls, row("mail").window_failures) == (7, 6)
    age_window("mail", 31.0)
    count(link, [Batch("mail", 0, Counts(2, 1), "", limits)])
    assert (row("mail").window_calls, row("mail").window_failures, row("mail").state) == (2, 1, "closed")


def test_slow_calls_open_it_too():
    link, limits = TestsLink(), Limits()
    circuit("mail").call(int)
    assert count(link, [Batch("mail", 0, Counts(10, 0, 7), "", limits)]) == ([], False)
    [move], _late = count(link, [Batch("mail", 0, Counts(5, 0, 5), "", limits)])
    assert move.after is CircuitState.OPEN
    assert CircuitEvent.objects.get().reason.startswith("0 of 15 calls failed, 12 were slow.")


def test_a_call_that_took_too_long_is_counted_as_slow():
    breaker = circuit("mail", slow_seconds=0.0)
    breaker.call(int)
    assert (row("mail").window_calls, row("mail").window_failures, row("mail").window_slow) == (1, 0, 1)


def test_calls_that_go_well_here_are_pushed_while_they_fail_elsewhere():
    here, there = elsewhere("mail"), elsewhere("mail")
    here.call(int)
    fail_times(there, 4)
    for _ in range(6):
        here.call(int)
    assert row("mail").window_calls == 4
    forget()
    here.call(int)  # reads that it fails elsewhere
    forget()
    here.call(int)
    assert (row("mail").window_calls, row("mail").window_failures) == (12, 4)


def test_an_error_of_the_users_does_not_count_and_neither_does_an_excluded_one_with_a_metaclass():
    class Meta(type): ...

    class Odd(Exception, metaclass=Meta): ...

    breaker = circuit("mail", fail_max=1, exclude=(Odd, lambda error: "harmless" in str(error)))

    def raise_it(error: Exception) -> None:
        raise error

    for error in (NotFound(), Odd(), ValueError("harmless")):
        with pytest.raises(type(error)):
            breaker.call(raise_it, error)
    assert (row("mail").window_failures, row("mail").window_calls) == (0, 0)
    fail_times(breaker, 1)
    assert row("mail").state == CircuitState.OPEN


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, NotFound], ids=["interrupt", "exit", "users_fault"])
def test_being_stopped_or_being_wrong_is_no_failure_and_gives_the_trial_back(kind):
    breaker = opened(success_threshold=1)

    def stop() -> None:
        raise kind

    with pytest.raises(kind):
        breaker.call(stop)
    assert row("mail").state == CircuitState.HALF_OPEN
    assert breaker.call(int) == 0
    assert row("mail").state == CircuitState.CLOSED


def test_every_circuit_of_a_process_is_told_in_one_statement():
    keeper = this_keeper()
    for name in ("a", "b", "c"):
        circuit(name).call(int)
    told = keeper.push_soon
    keeper.push_soon = lambda: None  # type: ignore[method-assign] # as when the last statement was less than 50 ms ago
    for name in ("a", "b", "c"):
        fail_times(circuit(name), 8)
    assert keeper.link.statements.count(sql.COUNT) == 0
    told()
    assert keeper.link.statements.count(sql.COUNT) == 1
    assert {(circuit.window_failures, circuit.state) for circuit in Circuit.objects.all()} == {(8, "closed")}


def test_it_opens_here_at_once_before_anybody_was_told(monkeypatch):
    breaker = circuit("mail", fail_max=3)
    breaker.call(int)
    monkeypatch.setattr(this_keeper(), "push_soon", lambda: None)
    fail_times(breaker, 2)
    with pytest.raises(CircuitOpen) as refused:
        breaker.call(int)
    assert refused.value.cause == "DependencyDown: no answer"
    assert row("mail").state == CircuitState.CLOSED


def test_listeners_hear_of_a_transition_from_the_process_that_made_it():
    heard = []

    class Listener(pybreaker.CircuitBreakerListener):
        def before_call(self, cb, func, *args, **kwargs):
            heard.append("before")

        def state_change(self, cb, old_state, new_state):
            heard.append((old_state.name, new_state.name))
            raise ValueError("a listener's own fault")

        def failure(self, cb, exc):
            heard.append("failure")

        def success(self, cb):
            heard.append("success")

    watching, failing = elsewhere("mail", fail_max=1, listeners=[Listener()]), elsewhere("mail", fail_max=1, listeners=[Listener()])
    watching.call(int)
    fail_times(failing, 1)
    assert heard == ["before", "success", "before", ("closed", "open"), "failure"]
    forget()
    with pytest.raises(CircuitOpen):
        watching.call(int)
    assert len(heard) == 5


def test_it_can_guard_a_block_and_decorate_a_function():
    with circuit("mail").calling():
        pass
    with pytest.raises(DependencyDown), circuit("mail").calling():
        fail()
    assert row("mail").window_failures == 1

    @circuit("mail")
    def double(number: int) -> int:
        return number * 2

    assert double(4) == 8


def test_it_moves_by_pybreakers_words_too():
    breaker = circuit("mail", success_threshold=1)
    breaker.open()
    assert (breaker.current_state, breaker.state.name, row("mail").state) == ("closed", "closed", "open")
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    assert breaker.current_state == "open"
    breaker.half_open()
    assert breaker.call(int) == 0
    breaker.open()
    breaker.close()
    assert breaker.call(int) == 0
    assert moves("mail")[-1] == ("open", "closed")


def test_no_dependency_is_called_inside_a_transaction():
    circuit("mail").call(int)
    with transaction.atomic():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="inside a database transaction"):
                circuit("mail").call(int)
            with pytest.raises(RuntimeError, match="inside a database transaction"), circuit("mail").calling():
                pass
        assert circuit("near", memory_only=True).call(int) == 0


def test_how_long_it_rests():
    assert rests("mail") == 0
    breaker = circuit("mail", fail_max=1)
    fail_times(breaker, 1)
    assert 8 <= rests("mail") <= 12
    end_rest("mail")
    assert rests("mail") == 0

    def ask() -> float:
        forget()
        return rests("mail")

    assert 40 <= breaker.call(ask) <= 46  # while the trial is under way: its lease
