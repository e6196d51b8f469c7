"""A task exists with the commit of whoever wanted it, once per live key, and wakes somebody only when it is due."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import transaction
from django.utils import timezone

from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.tasks import durable, enqueue
from resilience.tasks.runner import run_due

pytestmark = pytest.mark.django_db


@durable("test.nothing", priority=40)
def nothing(context, **payload) -> None: ...


@pytest.fixture
def woken(monkeypatch) -> list[str]:
    queues: list[str] = []
    monkeypatch.setattr(import_module("resilience.tasks.enqueue"), "wake", lambda queue, count=1: queues.append(queue))
    return queues


def test_a_second_task_with_the_same_live_key_is_not_made():
    assert enqueue("test.nothing", key="a") is not None
    assert enqueue("test.nothing", key="a") is None
    assert Task.objects.count() == 1


def test_the_same_key_is_free_again_once_its_task_has_ended():
    enqueue("test.nothing", key="a")
    run_due()
    assert enqueue("test.nothing", key="a") is not None
    assert Task.objects.count() == 2


def test_without_a_key_every_one_is_made():
    assert enqueue("test.nothing") is not None
    assert enqueue("test.nothing") is not None


def test_what_it_returns_is_what_is_stored():
    later = timezone.now() + timedelta(hours=1)
    made = enqueue("test.nothing", key="a", payload={"text": "ä\"'%s", "n": [1, None]}, run_at=later, priority=7)
    stored = Task.objects.get()
    for field in Task._meta.concrete_fields:
        assert getattr(made, field.attname) == getattr(stored, field.attname), field.name
    assert (stored.run_at, stored.priority, stored.woken_at, stored.state) == (later, 7, None, TaskState.PENDING)


def test_the_priority_of_its_kind_counts_unless_told_otherwise():
    assert enqueue("test.nothing").priority == 40


def test_it_costs_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        enqueue("test.nothing", key="a")


def test_with_a_rollback_there_is_no_task_and_nobody_is_woken(woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        enqueue("test.nothing")
        transaction.set_rollback(True)
    assert Task.objects.count() == 0
    assert woken == []


def test_somebody_is_woken_on_commit_for_a_due_one_only(woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        enqueue("test.nothing", run_at=timezone.now() + timedelta(hours=1))
        enqueue("test.nothing", key="a")
        enqueue("test.nothing", key="a")
        assert woken == []
    assert woken == ["default"]
