"""The pure parts: how long to wait, what a failure means, what comes next."""

from __future__ import annotations

import random

import pybreaker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.circuits import CircuitOpen
from resilience.errors import InternalUnclassified
from resilience.http.errors import NotFound, RateLimited
from resilience.tasks.backoff import delay
from resilience.tasks.decision import CRASHES_TO_POISON, SNOOZE_LIMIT_SECONDS, Bury, RetryIn, SnoozeFor, decide, decide_after_crash
from resilience.tasks.failure import describe, fingerprint, normalise
from resilience.tasks.registry import Kind

KIND = Kind("test.kind", lambda context: None, tries=3, base=5.0, cap=60.0)
unit = st.floats(0, 1, exclude_max=True)
seconds = st.floats(0.01, 10_000)


@given(attempt=st.integers(1, 10_000), base=seconds, cap=seconds, chance=unit)
def test_a_wait_is_never_under_half_nor_over_the_whole_step(attempt, base, cap, chance):
    step = min(cap, base * 2.0 ** min(attempt - 1, 60))
    assert 0.5 * step <= delay(attempt, base=base, cap=cap, random=lambda: chance) <= step


@given(attempt=st.integers(1, 100), base=seconds, cap=seconds, chance=unit)
def test_waits_never_shrink_from_one_try_to_the_next(attempt, base, cap, chance):
    now, later = (delay(number, base=base, cap=cap, random=lambda: chance) for number in (attempt, attempt + 1))
    assert later >= now


def test_twelve_tries_take_about_fifty_minutes():
    waits = [delay(number, base=5.0, cap=900.0, random=lambda: 0.5) for number in range(1, 12)]
    assert 40 * 60 < sum(waits) < 60 * 60


@given(raised=st.integers(1, 50), chance=unit)
def test_a_retryable_failure_ends_after_its_tries_and_not_before(raised, chance):
    decision = decide(describe(ValueError("x")), kind=KIND, raised=raised, snoozed_for=0.0, random=lambda: chance)
    assert isinstance(decision, Bury) == (raised >= KIND.tries)


def test_a_failure_that_needs_a_change_ends_at_once():
    assert decide(describe(NotFound()), kind=KIND, raised=1, snoozed_for=0.0, random=random.random) == Bury()


def test_an_error_that_names_its_wait_is_not_tried_sooner():
    decision = decide(describe(RateLimited(retry_after=500.0)), kind=KIND, raised=1, snoozed_for=0.0, random=random.random)
    assert decision == RetryIn(500.0)


@given(raised=st.integers(1, 100), chance=unit)
def test_an_open_circuit_is_waited_for_whatever_was_tried(raised, chance):
    failure = describe(CircuitOpen(circuit="mail", retry_after=20.0))
    decision = decide(failure, kind=KIND, raised=raised, snoozed_for=10.0, random=lambda: chance)
    assert isinstance(decision, SnoozeFor)
    assert 20 <= decision.seconds <= 30


def test_but_not_for_more_than_a_day():
    failure = describe(CircuitOpen(circuit="mail", retry_after=20.0))
    assert decide(failure, kind=KIND, raised=1, snoozed_for=SNOOZE_LIMIT_SECONDS, random=random.random) == Bury()


def test_a_circuit_of_another_library_is_waited_for_too():
    assert describe(pybreaker.CircuitBreakerError("open")).snooze is not None


@pytest.mark.parametrize(("crashes", "poison"), [(1, False), (2, False), (3, True), (4, True)])
def test_the_third_crash_is_poison(crashes, poison):
    assert CRASHES_TO_POISON == 3
    assert isinstance(decide_after_crash(crashes, random=random.random), Bury) == poison


def test_a_crashed_task_runs_again_within_seconds():
    first = decide_after_crash(1, random=lambda: 0.999)
    assert isinstance(first, RetryIn)
    assert first.seconds <= 2.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("job 17 of 40 failed", "job 3 of 41 failed"),
        ("no such file: /srv/data/a.mp4", "no such file: /home/x/y/b.mp4"),
        ("vid_0123456789abcdefghjk is gone", "vid_zyxwvtsrqpnmkjhgfedc is gone"),
        ("key 7d444840-9dc0-11d1-b245-5ffdce74fad2", "key 00000000-0000-0000-0000-5ffdce74fad2"),
        ("object at 0x7f00aa", "object at  0x12"),
    ],
)
def test_messages_that_differ_in_whom_they_hit_are_one(one, other):
    assert normalise(one) == normalise(other)


def test_messages_that_say_different_things_are_two():
    assert normalise("disk full") != normalise("no such file")


def raised_by(function, message: str) -> BaseException:
    try:
        function(message)
    except ValueError as error:
        return error
    raise AssertionError


def here(message: str) -> None:
    raise ValueError(message)


def there(message: str) -> None:
    raise ValueError(message)


def test_failures_are_grouped_by_class_message_and_place():
    assert fingerprint(raised_by(here, "part 1")) == fingerprint(raised_by(here, "part 2"))
    assert fingerprint(raised_by(here, "part 1")) != fingerprint(raised_by(there, "part 1"))
    assert fingerprint(ValueError("x")) != fingerprint(KeyError("x"))


def test_an_exception_nobody_declared_is_unclassified_and_keeps_its_trace():
    failure = describe(raised_by(here, "secret detail"))
    assert failure.code == InternalUnclassified.entry.code
    assert failure.message == "ValueError: secret detail"
    assert "in here" in failure.traceback
    assert not failure.permanent
