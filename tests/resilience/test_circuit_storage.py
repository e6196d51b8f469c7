"""pybreaker's own breakers over our storage: what its documentation promises of a storage and of breakers that share one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pybreaker
import pytest
from django.db import DataError, connection, transaction

from resilience.circuits import control
from resilience.circuits.link import LinkDown
from resilience.circuits.storage import DatabaseStorage
from tests.circuits import this_keeper
from tests.resilience.circuit_steps import DependencyDown, fail, fail_times, moves, row

pytestmark = pytest.mark.django_db


def breaker(name: str = "plain", **given: object) -> pybreaker.CircuitBreaker:
    return pybreaker.CircuitBreaker(state_storage=DatabaseStorage(name), **({"throw_new_error_on_trip": False} | given))


class TestStorage:
    def test_it_begins_closed_and_empty(self):
        storage = DatabaseStorage("plain")
        assert (storage.name, storage.state, storage.counter, storage.success_counter, storage.opened_at) == ("plain", "closed", 0, 0, None)

    @pytest.mark.parametrize("state", [pybreaker.STATE_OPEN, pybreaker.STATE_HALF_OPEN, pybreaker.STATE_CLOSED])
    def test_every_state_is_kept_and_seen_by_another(self, state):
        DatabaseStorage("plain").state = pybreaker.STATE_OPEN
        DatabaseStorage("plain").state = state
        assert DatabaseStorage("plain").state == state

    def test_counters_count_and_are_reset_apart_from_each_other(self):
        one, other = DatabaseStorage("plain"), DatabaseStorage("plain")
        for _ in range(3):
            one.increment_counter()
        one.increment_success_counter()
        other.increment_success_counter()
        assert (other.counter, one.success_counter) == (3, 2)
        other.reset_counter()
        assert (one.counter, one.success_counter) == (0, 2)
        one.reset_success_counter()
        assert other.success_counter == 0

    def test_the_later_opening_wins_whoever_writes_last(self):
        storage, now = DatabaseStorage("plain"), datetime.now(UTC)
        storage.opened_at = now
        DatabaseStorage("plain").opened_at = now - timedelta(seconds=5)
        assert storage.opened_at == now
        storage.opened_at = now + timedelta(microseconds=1)
        assert DatabaseStorage("plain").opened_at == now + timedelta(microseconds=1)

    def test_names_share_nothing(self):
        DatabaseStorage("a").increment_counter()
        DatabaseStorage("a").state = pybreaker.STATE_OPEN
        assert (DatabaseStorage("b").counter, DatabaseStorage("b").state) == (0, "closed")

    def test_a_second_one_of_a_name_takes_nothing_back(self):
        DatabaseStorage("plain").increment_counter()
        breaker()
        assert DatabaseStorage("plain").counter == 1

    def test_while_the_database_is_away_it_says_what_it_knew_last_and_raises_nothing(self):
        storage = DatabaseStorage("plain")
        storage.increment_counter()
        assert storage.counter == 1
        this_keeper().link.broken = LinkDown("gone")
        storage.increment_counter()
        storage.reset_counter()
        storage.increment_success_counter()
        storage.reset_success_counter()
        storage.state = pybreaker.STATE_OPEN
        storage.opened_at = datetime.now(UTC)
        assert (storage.state, storage.counter, storage.success_counter, storage.opened_at) == ("closed", 1, 0, None)
        assert DatabaseStorage("unknown").state == "closed"
        this_keeper().link.broken = None
        assert (storage.state, storage.counter) == ("closed", 1)


class TestBreaker:
    def test_good_calls_write_nothing_and_keep_it_closed(self):
        plain = breaker()
        before = connection.connection.info  # keeps the connection in use
        assert before.status is not None
        link = this_keeper().link
        assert plain.call(lambda x: x * 2, 4) == 8
        assert (plain.fail_counter, plain.current_state) == (0, "closed")
        assert moves("plain") == []
        assert row("plain").version == 0
        assert link.statements

    def test_failures_in_a_row_open_it_for_every_breaker_of_the_name(self):
        first, second = breaker(fail_max=2), breaker(fail_max=2)
        fail_times(first, 1)
        assert second.fail_counter == 1
        fail_times(second, 1)
        assert first.current_state == pybreaker.STATE_OPEN
        with pytest.raises(pybreaker.CircuitBreakerError):
            first.call(int)
        assert moves("plain") == [("closed", "open")]

    def test_a_good_call_takes_failures_back(self):
        plain = breaker(fail_max=2)
        fail_times(plain, 1)
        plain.call(int)
        assert plain.fail_counter == 0
        fail_times(plain, 1)
        assert plain.current_state == "closed"

    def test_the_call_that_opens_it_may_raise_pybreakers_own_error(self):
        with pytest.raises(pybreaker.CircuitBreakerError):
            breaker(fail_max=1, throw_new_error_on_trip=True).call(fail)

    def test_after_the_timeout_one_good_call_closes_it(self):
        plain = breaker(fail_max=1, reset_timeout=0.01)
        fail_times(plain, 1)
        time.sleep(0.02)
        assert plain.call(int) == 0
        assert moves("plain") == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]

    def test_after_the_timeout_a_bad_call_opens_it_again(self):
        plain = breaker(fail_max=3, reset_timeout=0.01)
        fail_times(plain, 3)
        time.sleep(0.02)
        fail_times(plain, 1)
        assert plain.current_state == "open"
        assert moves("plain")[-2:] == [("open", "half_open"), ("half_open", "open")]

    def test_the_success_threshold_is_counted(self):
        plain = breaker(fail_max=1, reset_timeout=0.01, success_threshold=2)
        fail_times(plain, 1)
        time.sleep(0.02)
        plain.call(int)
        assert (plain.current_state, plain.success_counter) == ("half-open", 1)
        plain.call(int)
        assert (plain.current_state, plain.success_counter) == ("closed", 0)

    def test_it_moves_by_hand(self):
        plain = breaker()
        plain.open()
        assert plain.current_state == "open"
        plain.half_open()
        assert plain.current_state == "half-open"
        plain.close()
        assert (plain.current_state, plain.call(int)) == ("closed", 0)

    def test_excluded_errors_listeners_decorator_and_context_work(self):
        heard = []

        class Listener(pybreaker.CircuitBreakerListener):
            def state_change(self, cb, old_state, new_state):
                heard.append((old_state.name, new_state.name))

        plain = breaker(fail_max=1, exclude=[KeyError], listeners=[Listener()])

        @plain
        def look_up(key: str) -> int:
            return {"a": 1}[key]

        assert look_up("a") == 1
        with pytest.raises(KeyError):
            look_up("b")
        assert plain.current_state == "closed"
        with pytest.raises(DependencyDown), plain.calling():
            fail()
        assert (plain.current_state, heard) == ("open", [("closed", "open")])

    def test_it_obeys_an_operator_until_that_ends(self):
        plain = breaker(reset_timeout=0.01)
        control.force_open("plain", by=None, reason="maintenance")
        time.sleep(0.02)
        with pytest.raises(pybreaker.CircuitBreakerError):
            plain.call(int)
        control.disable("plain", by=None, reason="let them")
        fail_times(plain, 10)
        assert plain.call(int) == 0
        control.reset("plain", by=None, reason="done")
        assert plain.current_state == "closed"


@pytest.mark.django_db(transaction=True)
def test_it_works_inside_a_broken_transaction_and_survives_its_rollback(monkeypatch):
    from resilience.circuits import storage as module

    monkeypatch.setattr(DatabaseStorage, "links", staticmethod(module._own_link))
    plain = breaker(fail_max=2)

    def break_it() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            try:
                cursor.execute("SELECT 1 / 0")
            finally:
                fail_times(plain, 2)

    try:
        with pytest.raises(DataError):
            break_it()
        assert row("plain").state == "open"
    finally:
        module._own_link().close()
