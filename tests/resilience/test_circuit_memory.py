"""What a process decides by itself: at once, while nobody can be asked, and where a circuit is its own alone. No clock but the test's, no database."""

from __future__ import annotations

import os
import signal

import pytest

from resilience import circuits
from resilience.circuits import CircuitOpen, circuit
from resilience.circuits.limits import Counts, Limits
from resilience.circuits.local import LocalCircuit
from resilience.circuits.view import NEVER, Snapshot, Verdict
from resilience.circuits.window import Window
from resilience.metrics import current
from resilience.models.circuits import CircuitState

LIMITS = Limits()
FAILED, GOOD = Counts(1, 1), Counts(1)


def local() -> LocalCircuit:
    return LocalCircuit(chance=lambda _low, _high: 1.0)


def tripped(now: float = 0.0) -> LocalCircuit:
    one = local()
    assert [one.count(now, LIMITS, FAILED) for _ in range(10)] == [False] * 9 + [True]
    return one


class TestLimits:
    @pytest.mark.parametrize(
        ("counts", "trips"),
        [
            (Counts(9, 9, 9), False),
            (Counts(10, 5, 0), True),
            (Counts(10, 4, 7), False),
            (Counts(10, 0, 8), True),
            (Counts(1000, 499, 799), False),
            (Counts(10, 0, 0), False),
        ],
        ids=["few", "half_failed", "below_both", "four_in_five_slow", "many_below_both", "healthy"],
    )
    def test_when_it_opens(self, counts, trips):
        assert LIMITS.trips(counts) is trips

    def test_zero_shares_do_not_open_a_circuit_that_is_well(self):
        assert not Limits(failure_share=0.0, slow_share=0.0).trips(Counts(100))

    def test_a_lease_is_longer_than_the_longest_call(self):
        assert Limits(timeout=20.0).lease_seconds == 31.0

    def test_the_rest_is_spread(self):
        assert (LIMITS.open_time(0, min), LIMITS.open_time(0, max)) == (8.0, 12.0)
        assert all(8.0 <= LIMITS.open_time(0) <= 12.0 for _ in range(100))


class TestWindow:
    def test_it_slides(self):
        window = Window()
        for second in range(0, 40, 5):
            window.add(second, 30.0, Counts(2, 1, 1))
        assert window.counts(39.0, 30.0) == Counts(12, 6, 6)
        assert window.counts(60.0, 30.0) == Counts(2, 1, 1)
        assert window.counts(1000.0, 30.0) == Counts()

    def test_long_silence_leaves_nothing_behind(self):
        window = Window()
        for second in range(0, 100_000, 100):
            window.add(second, 30.0, GOOD)
        assert len(window._slots) <= 6


class TestLocalCircuit:
    def test_failures_that_are_spread_over_minutes_do_not_open_it(self):
        one = local()
        assert not any(one.count(second, LIMITS, FAILED) for second in range(0, 600, 4))

    def test_one_trial_at_a_time_three_good_ones_close_it(self):
        one = tripped()
        assert one.begin_trial(9.9, LIMITS) is None
        for number in (1, 2, 3):
            assert one.begin_trial(10.0, LIMITS) == number
            assert one.begin_trial(10.0, LIMITS) is None
            led_to = one.trial_ended(number, good=True, now=10.0, limits=LIMITS)
        assert led_to is CircuitState.CLOSED

    def test_a_bad_trial_doubles_the_rest_and_three_good_ones_are_needed_again(self):
        one, now = tripped(), 0.0
        for wanted in (10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
            assert one.until - now == wanted
            now = one.until
            good, bad = one.begin_trial(now, LIMITS), None
            assert one.trial_ended(good, good=True, now=now, limits=LIMITS) is None
            bad = one.begin_trial(now, LIMITS)
            assert one.trial_ended(bad, good=False, now=now, limits=LIMITS) is CircuitState.OPEN

    def test_a_trial_whose_caller_never_came_back_is_over_with_its_lease_and_its_late_result_counts_no_more(self):
        one = tripped()
        lost = one.begin_trial(10.0, LIMITS)
        assert one.begin_trial(55.9, LIMITS) is None
        assert one.begin_trial(56.0, LIMITS) == 2
        assert one.trial_ended(lost, good=False, now=57.0, limits=LIMITS) is None
        assert one.state is CircuitState.HALF_OPEN

    def test_late_failures_do_not_extend_a_rest(self):
        one = tripped()
        assert not any(one.count(5.0, LIMITS, FAILED) for _ in range(50))
        assert one.until == 10.0

    def test_a_released_trial_lets_another_begin(self):
        one = tripped()
        one.trial_released(one.begin_trial(10.0, LIMITS), now=11.0)
        assert one.begin_trial(11.0, LIMITS) == 2


class TestSnapshot:
    @pytest.mark.parametrize(
        ("seen", "verdict"),
        [
            (Snapshot(read_at=NEVER), Verdict.ALONE),
            (Snapshot(read_at=69.0), Verdict.ALONE),
            (Snapshot(read_at=71.0), Verdict.PASS),
            (Snapshot(CircuitState.OPEN, open_until=101.0, read_at=99.0), Verdict.REFUSE),
            (Snapshot(CircuitState.OPEN, open_until=100.0, read_at=99.0), Verdict.TRIAL),
            (Snapshot(CircuitState.HALF_OPEN, trial_until=101.0, read_at=99.0), Verdict.REFUSE),
            (Snapshot(CircuitState.HALF_OPEN, trial_until=99.0, read_at=99.0), Verdict.TRIAL),
            (Snapshot(CircuitState.FORCED_OPEN, read_at=99.0), Verdict.REFUSE),
            (Snapshot(CircuitState.FORCED_OPEN, forced_until=101.0, read_at=1.0), Verdict.REFUSE),
            (Snapshot(CircuitState.FORCED_OPEN, forced_until=100.0, read_at=99.0), Verdict.PASS),
            (Snapshot(CircuitState.FORCED_CLOSED, read_at=1.0), Verdict.PASS),
            (Snapshot(CircuitState.DISABLED, read_at=1.0), Verdict.PASS),
        ],
        ids=[
            "never_read",
            "stale",
            "old",
            "open",
            "rested",
            "on_trial",
            "trial_over",
            "forced",
            "forced_and_stale",
            "forced_over",
            "forced_closed",
            "disabled",
        ],
    )
    def test_what_follows_from_it(self, seen, verdict):
        assert seen.judge(100.0) is verdict


class TestMemoryOnly:
    """No database mark here: a query would fail the test."""

    def fail(self) -> None:
        raise ConnectionError("refused")

    def test_it_opens_and_refuses_and_closes_again_without_a_database(self):
        near = circuit("near", memory_only=True, fail_max=2, reset_timeout=0.0, success_threshold=1)
        assert near.call(int) == 0
        for _ in range(2):
            with pytest.raises(ConnectionError):
                near.call(self.fail)
        assert near.current_state == "open"
        assert near.call(int) == 0
        assert near.current_state == "closed"

    def test_it_refuses_with_the_cause_and_moves_by_hand(self):
        near = circuit("near", memory_only=True, fail_max=1)
        with pytest.raises(ConnectionError):
            near.call(self.fail)
        with pytest.raises(CircuitOpen) as refused:
            near.call(int)
        assert (refused.value.cause, refused.value.fields) == ("ConnectionError: refused", {"circuit": "near"})
        assert 0 < refused.value.retry_after <= 12
        near.close()
        assert near.call(int) == 0
        near.open()
        with pytest.raises(CircuitOpen), near.calling():
            pass
        near.half_open()
        assert near.call(int) == 0

    def test_its_calls_are_counted_by_how_they_went(self):
        def counted() -> dict[str, float]:
            return {
                outcome: current("holdfast_circuit_calls_total", circuit="near", outcome=outcome) or 0.0 for outcome in ("ok", "failed", "refused", "ignored")
            }

        before, near = counted(), circuit("near", memory_only=True, fail_max=4)
        with pytest.raises(KeyboardInterrupt), near.calling():
            raise KeyboardInterrupt
        for _ in range(2):
            near.call(int)
            with pytest.raises(ConnectionError):
                near.call(self.fail)
        with pytest.raises(CircuitOpen):
            near.call(int)
        near.tell_figures()
        assert {outcome: counted()[outcome] - before[outcome] for outcome in before} == {"ok": 2, "failed": 2, "refused": 1, "ignored": 1}


def test_a_child_does_not_wait_for_a_lock_that_only_its_parent_can_let_go() -> None:
    with circuits._LOCK:
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # in place of waiting for ever
            os._exit(circuit("asked.in.a.child").name != "asked.in.a.child")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
