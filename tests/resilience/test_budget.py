"""Retries are at most a tenth of the work in the long run; beyond that they wait longer, and say so."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from resilience.http.errors import DatabaseUnavailable, NotFound
from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.tasks import budget, durable, enqueue
from resilience.tasks.decision import Bury, RetryIn, decide
from resilience.tasks.failure import describe
from resilience.tasks.registry import Kind, kind_of
from resilience.tasks.runner import run_due

ALONE = Kind("test.alone", lambda context: None, base=5.0, cap=900.0)
NEEDY = Kind("test.needy", lambda context: None, needs=("one", "two"))


@durable("test.budgeted", base=1.0, cap=600.0)
def fails(context) -> None:
    raise DatabaseUnavailable()


@durable("test.good")
def good(context) -> None: ...


def spend(kind: Kind) -> int:
    taken = 0
    while not budget.take(kind):
        taken += 1
    return taken


def test_fifty_retries_are_free_and_ten_successes_earn_another():
    assert spend(ALONE) == 50
    for _ in range(9):
        budget.succeeded(ALONE)
    assert budget.take(ALONE) == "test.alone"
    budget.succeeded(ALONE)
    assert budget.take(ALONE) == ""


def test_successes_never_earn_more_than_a_full_bucket():
    for _ in range(1_000):
        budget.succeeded(ALONE)
    assert spend(ALONE) == 50


def test_a_kind_takes_from_each_dependency_it_needs_or_from_none():
    assert budget.dependencies(NEEDY) == ("one", "two")
    assert budget.dependencies(ALONE) == ("test.alone",)
    spend(Kind("x", lambda context: None, needs=("two",)))
    assert budget.take(NEEDY) == "two"
    assert budget.left("one") == budget.CAPACITY


def test_what_is_over_budget_waits_as_long_as_its_kind_allows():
    failure = describe(DatabaseUnavailable())
    spend(ALONE)
    decision = decide(failure, kind=ALONE, raised=1, snoozed_for=0, random=lambda: 0.0, budget=budget.take)
    assert decision == RetryIn(450.0, "test.alone")


def test_what_will_not_be_tried_again_costs_nothing():
    decide(describe(NotFound()), kind=ALONE, raised=1, snoozed_for=0, random=random.random, budget=budget.take)
    last = decide(describe(DatabaseUnavailable()), kind=ALONE, raised=12, snoozed_for=0, random=random.random, budget=budget.take)
    assert last == Bury()
    assert budget.left("test.alone") == budget.CAPACITY


@pytest.mark.django_db
def test_a_task_over_budget_says_so_where_operators_look():
    spend(kind_of("test.budgeted"))
    task = enqueue("test.budgeted")
    run_due()
    task.refresh_from_db()
    assert task.state == TaskState.RETRY_WAIT
    assert "retry budget of test.budgeted is spent" in task.last_error
    assert task.run_at > timezone.now() + timedelta(seconds=290)


@pytest.mark.django_db
def test_work_that_succeeds_fills_the_bucket():
    spend(kind_of("test.good"))
    for _ in range(10):
        enqueue("test.good")
    run_due()
    assert budget.take(kind_of("test.good")) == ""
    assert Task.objects.filter(state=TaskState.SUCCEEDED).count() == 10
