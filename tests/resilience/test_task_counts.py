"""What is counted of tasks agrees with what the tables say."""

from __future__ import annotations

import pytest
from django.db.models import Count
from django.utils import timezone

from resilience.http.errors import DatabaseUnavailable, NotFound
from resilience.metrics import current
from resilience.metrics.tables import read_now
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import durable, enqueue, finish
from resilience.tasks.claim import claim_task
from resilience.tasks.pausing import pause
from resilience.tasks.runner import run_due

pytestmark = pytest.mark.django_db

KINDS = ("test.counted_good", "test.counted_bad", "test.counted_hopeless")


@durable(KINDS[0])
def good(context) -> None: ...


@durable(KINDS[1], tries=3)
def bad(context) -> None:
    raise DatabaseUnavailable()


@durable(KINDS[2])
def hopeless(context) -> None:
    raise NotFound()


def value(name: str, **labels: str) -> float:
    return current(name, **labels)


def test_runs_retries_and_burials_agree_with_the_tables():
    before = {(kind, outcome): value("holdfast_tasks_runs_total", kind=kind, outcome=outcome) for kind in KINDS for outcome in RunOutcome.values}
    retries, buried = value("holdfast_tasks_retries_total", kind=KINDS[1]), value("holdfast_tasks_buried_total", kind=KINDS[2], code="NOT_FOUND")
    for kind in KINDS:
        for _ in range(2):
            enqueue(kind)
    run_due()
    Task.objects.filter(state=TaskState.RETRY_WAIT).update(run_at=timezone.now())
    run_due()
    crashed = enqueue(KINDS[0])
    finish.crash(crashed, claim_task(crashed.pk).epoch)
    stored = {(row["task__kind"], row["outcome"]): row["n"] for row in TaskRun.objects.values("task__kind", "outcome").annotate(n=Count("pk"))}
    counted = {key: value("holdfast_tasks_runs_total", kind=key[0], outcome=key[1]) - was for key, was in before.items()}
    assert {key: n for key, n in counted.items() if n} == stored
    assert value("holdfast_tasks_retries_total", kind=KINDS[1]) - retries == 4
    assert value("holdfast_tasks_buried_total", kind=KINDS[2], code="NOT_FOUND") - buried == 2


def test_a_refused_end_is_not_counted():
    task = enqueue(KINDS[0])
    late = claim_task(task.pk)
    finish.crash(Task.objects.get(pk=task.pk), late.epoch)
    before = value("holdfast_tasks_runs_total", kind=KINDS[0], outcome=RunOutcome.OK)
    assert not finish.succeed(late)
    assert value("holdfast_tasks_runs_total", kind=KINDS[0], outcome=RunOutcome.OK) == before


def test_what_waits_behind_a_pause_is_told_at_a_scrape():
    enqueue(KINDS[0])
    pause("kind", KINDS[0], by=None, reason="later")
    found = {(reading.name, reading.labels): reading.value for reading in read_now()}
    assert found["holdfast_tasks_paused", ("kind", KINDS[0])] == 1
