"""What ended long ago is forgotten with its runs, in batches; what waits, runs or may still be wanted is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from resilience.models import Task, TaskRun
from resilience.models.tasks import TaskState
from resilience.tasks import prune

pytestmark = pytest.mark.django_db


def ended(state: str, days: float) -> Task:
    task = Task.objects.create(kind="test.old", state=state, finished_at=timezone.now() - timedelta(days=days))
    TaskRun.objects.create(task=task, number=1, owner="somebody", epoch=1)
    return task


def test_only_what_is_over_and_old_goes_and_its_runs_with_it():
    old = settings.TASK_KEEP_DAYS + 1
    gone = [ended(TaskState.SUCCEEDED, old), ended(TaskState.CANCELED, old), ended(TaskState.DEAD, settings.TASK_KEEP_DEAD_DAYS + 1)]
    kept = [ended(TaskState.SUCCEEDED, settings.TASK_KEEP_DAYS - 1), ended(TaskState.DEAD, old)]
    waiting = Task.objects.create(kind="test.old", created_at=timezone.now() - timedelta(days=1_000))
    assert prune.prune_tasks(dry_run=True) == 3
    assert Task.objects.count() == 6
    assert prune.prune_tasks() == 3
    assert set(Task.objects.values_list("pk", flat=True)) == {waiting.pk, *(task.pk for task in kept)}
    assert set(TaskRun.objects.values_list("task_id", flat=True)) == {task.pk for task in kept}
    assert not Task.objects.filter(pk__in=[task.pk for task in gone]).exists()
    assert prune.prune_tasks() == 0


def test_a_round_has_a_limit_and_the_next_one_goes_on(monkeypatch):
    monkeypatch.setattr(prune, "BATCH", 2)
    monkeypatch.setattr(prune, "BATCHES", 2)
    for _ in range(5):
        ended(TaskState.SUCCEEDED, 1_000)
    assert prune.prune_tasks(dry_run=True) == 4
    assert prune.prune_tasks() == 4
    assert prune.prune_tasks() == 1
