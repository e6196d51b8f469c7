"""How an open circuit is tried: by one call at a time in the whole fleet, and late results change nothing."""

from __future__ import annotations

import pytest

from resilience.circuits import CircuitOpen, circuit
from resilience.circuits.limits import Counts, Limits
from resilience.circuits.statements import Batch, begin_trial, count, trial_failed, trial_succeeded
from resilience.models import Circuit
from resilience.models.circuits import CircuitState
from tests.circuits import TestsLink, elsewhere, forget
from tests.resilience.circuit_steps import DependencyDown, end_rest, fail, fail_times, moves, opened, row

pytestmark = pytest.mark.django_db


def test_three_good_trials_close_it_and_a_bad_one_opens_it_for_longer():
    breaker = opened()
    fail_times(breaker, 1)
    first = row("mail")
    assert (first.state, first.open_streak) == (CircuitState.OPEN, 1)
    assert 16 <= (first.open_until - first.opened_at).total_seconds() <= 24
    end_rest("mail")
    for _ in range(2):
        assert breaker.call(int) == 0
        assert row("mail").state == CircuitState.HALF_OPEN
    assert breaker.call(int) == 0
    assert moves("mail") == [("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("open", "half_open"), ("half_open", "closed")]
    assert (row("mail").open_streak, row("mail").window_calls, row("mail").open_until) == (0, 0, None)


def test_the_rest_doubles_up_to_five_minutes():
    limits = Limits()
    assert [round(limits.open_time(streak, lambda _low, _high: 1.0)) for streak in (0, 1, 2, 3, 4, 5, 9, 4000)] == [10, 20, 40, 80, 160, 300, 300, 300]
    breaker = opened()
    Circuit.objects.filter(name="mail").update(open_streak=40)
    fail_times(breaker, 1)
    assert 240 <= (row("mail").open_until - row("mail").opened_at).total_seconds() <= 360


def test_only_one_process_of_the_fleet_makes_the_trial_call():
    one, other = opened(), elsewhere("mail")
    calls = []

    def slow() -> None:
        calls.append("one")
        forget()
        with pytest.raises(CircuitOpen):
            other.call(calls.append, "other")

    one.call(slow)
    assert calls == ["one"]


def test_the_trial_of_a_holder_that_died_passes_to_another_and_the_dead_ones_result_counts_no_more():
    breaker = opened(success_threshold=1)
    link = TestsLink()
    dead = begin_trial(link, "mail", version=row("mail").version, lease_seconds=-1.0)  # a process that took it and was killed
    assert dead is not None
    forget()
    seen = []
    breaker.call(lambda: seen.append(trial_failed(link, "mail", version=dead.version, error="late", limits=Limits())))
    assert seen == [None]
    assert row("mail").state == CircuitState.CLOSED
    assert moves("mail") == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


def test_late_results_neither_extend_a_rest_nor_write_events():
    breaker = circuit("mail", fail_max=1)
    breaker.call(int)

    def fails_while_others_open_it() -> None:
        fail_times(elsewhere("mail", fail_max=1), 1)
        fail()

    with pytest.raises(DependencyDown):
        breaker.call(fails_while_others_open_it)
    before, link = row("mail"), TestsLink()
    assert count(link, [Batch("mail", 0, Counts(50, 50), "late", Limits())]) == ([], True)
    count(link, [Batch("mail", before.version, Counts(50, 50), "late", Limits())])
    assert trial_failed(link, "mail", version=0, error="late", limits=Limits()) is None
    assert trial_succeeded(link, "mail", version=0, enough=1) is None
    after = row("mail")
    assert (after.open_until, after.version, after.last_error) == (before.open_until, 1, "DependencyDown: no answer")
    assert moves("mail") == [("closed", "open")]


def test_counts_from_before_it_opened_do_not_count_after_it_closed_again():
    breaker, link = opened(success_threshold=1), TestsLink()
    breaker.call(int)
    assert (row("mail").state, row("mail").version) == (CircuitState.CLOSED, 3)
    assert count(link, [Batch("mail", 0, Counts(50, 50), "late", Limits())]) == ([], True)
    assert (row("mail").state, row("mail").window_calls) == (CircuitState.CLOSED, 0)


def test_a_live_lease_is_given_to_nobody_else_and_a_rest_that_is_not_over_to_nobody():
    breaker, link = circuit("mail", fail_max=1), TestsLink()
    fail_times(breaker, 1)
    assert begin_trial(link, "mail", version=1, lease_seconds=60.0) is None
    end_rest("mail")
    assert begin_trial(link, "mail", version=0, lease_seconds=60.0) is None
    lease = begin_trial(link, "mail", version=1, lease_seconds=60.0)
    assert lease is not None
    assert begin_trial(link, "mail", version=lease.version, lease_seconds=60.0) is None
