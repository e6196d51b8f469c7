"""One bucket for the whole fleet: never more calls than it holds, whoever takes them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from processing.events import budget
from processing.models import CallBudget

pytestmark = pytest.mark.django_db


SLOW = 1 / 3600  # tokens a second: a test that is kept waiting for minutes sees the same


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "RATE", SLOW)


def pass_time(tokens: float) -> None:
    """Let as much time go by as so many tokens take."""
    CallBudget.objects.update(filled_at=F("filled_at") - timedelta(seconds=tokens / SLOW))


def empty() -> None:
    assert budget.take(10) == 0
    CallBudget.objects.update(tokens=0.0)


def test_a_full_bucket_gives_all_it_has_at_once_and_then_says_how_long_to_wait() -> None:
    assert [budget.take() for _ in range(10)] == [0.0] * 10
    assert budget.take() == pytest.approx(3600, abs=600)


def test_it_fills_steadily_and_never_runs_over() -> None:
    empty()
    pass_time(3.5)
    assert budget.take_up_to(20) == 3
    pass_time(3600)
    assert budget.take_up_to(20) == 10


def test_several_are_taken_together_or_not_at_all() -> None:
    empty()
    pass_time(2)
    assert budget.take(5) > 0
    assert budget.left() == pytest.approx(2.0, abs=0.5)


def test_more_than_it_can_ever_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 10"):
        budget.take(11)


def test_who_waits_is_told_for_how_long_and_asks_again() -> None:
    empty()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        pass_time(seconds * SLOW)

    budget.wait_for(3, sleep=sleep)
    assert slept
    assert budget.left() < 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_the_last_tokens_as_many_get_one_as_there_are() -> None:
    budget.take(4)
    left = int(budget.left())
    begin, taken = threading.Barrier(2), []

    def want() -> None:
        begin.wait()
        taken.extend(budget.take() == 0 for _ in range(10))
        connection.close()

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(True) == left == 6
