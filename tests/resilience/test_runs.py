"""What becomes of a task after its body ran, or did not."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from django.utils import timezone

from resilience.http.errors import DatabaseUnavailable, NotFound
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import durable, enqueue
from resilience.tasks.runner import run_due, run_one

pytestmark = pytest.mark.django_db

seen: list[dict] = []
buried: list[tuple[str, str]] = []


@durable("test.note")
def note(context, *, text: str) -> None:
    seen.append({"text": text, "attempt": context.attempt, "request_id": structlog.contextvars.get_contextvars()["request_id"]})


@durable("test.flaky", base=4.0, tries=2, on_dead=lambda task: buried.append((task.key, task.error_code)))
def flaky(context) -> None:
    raise DatabaseUnavailable()


@durable("test.hopeless", on_dead=lambda task: buried.append((task.key, task.error_code)))
def hopeless(context) -> None:
    raise NotFound()


@durable("test.exits")
def exits(context) -> None:
    raise SystemExit(3)


def _break(task: Task) -> None:
    raise ZeroDivisionError("the hook itself is broken")


@durable("test.broken_hook", on_dead=_break)
def broken_hook(context) -> None:
    raise NotFound()


@pytest.fixture(autouse=True)
def _forget():
    seen.clear()
    buried.clear()


def _due_again(task: Task) -> None:
    assert task.run_at > timezone.now()
    Task.objects.filter(pk=task.pk).update(run_at=timezone.now() - timedelta(seconds=1))


def test_a_due_task_runs_once_with_the_request_id_of_its_enqueuer():
    with structlog.contextvars.bound_contextvars(request_id="req-of-the-page"):
        task = enqueue("test.note", payload={"text": "hello"})
    assert run_due() == 1
    assert run_due() == 0
    assert seen == [{"text": "hello", "attempt": 1, "request_id": "req-of-the-page"}]
    task.refresh_from_db()
    assert (task.state, task.attempt, task.lease_owner) == (TaskState.SUCCEEDED, 1, "")
    run = task.runs.get()
    assert (run.outcome, run.number) == (RunOutcome.OK, 1)
    assert run.ended_at >= run.started_at


def test_a_task_of_the_future_is_left_alone():
    enqueue("test.note", payload={"text": "later"}, run_at=timezone.now() + timedelta(hours=1))
    assert run_due() == 0
    assert seen == []


def test_due_tasks_run_by_priority_and_then_by_age():
    now = timezone.now()
    for text, priority, age in (("third", 50, 5), ("second", 50, 10), ("first", 10, 1)):
        enqueue("test.note", payload={"text": text}, priority=priority, run_at=now - timedelta(seconds=age))
    run_due()
    assert [each["text"] for each in seen] == ["first", "second", "third"]


def test_a_wake_up_runs_its_own_task_first_and_then_what_else_is_due():
    now = timezone.now()
    enqueue("test.note", payload={"text": "urgent"}, priority=1, run_at=now - timedelta(seconds=5))
    named = enqueue("test.note", payload={"text": "named"}, run_at=now - timedelta(seconds=5))
    run_one(str(named.pk), "default")
    assert [each["text"] for each in seen] == ["named", "urgent"]


def test_a_wake_up_for_a_task_already_done_does_nothing(django_assert_max_num_queries):
    task = enqueue("test.note", payload={"text": "once"})
    run_due()
    with django_assert_max_num_queries(6):  # two look-ups, each in its own short transaction
        run_one(str(task.pk), "default")
    assert len(seen) == 1
    assert TaskRun.objects.count() == 1


def test_a_retryable_error_waits_with_backoff_and_dies_when_its_tries_are_spent():
    task = enqueue("test.flaky", key="k")
    before = timezone.now()
    run_due()
    task.refresh_from_db()
    assert (task.state, task.error_code, task.attempt) == (TaskState.RETRY_WAIT, "DATABASE_UNAVAILABLE", 1)
    assert 2.0 <= (task.run_at - before).total_seconds() <= 4.5
    assert buried == []
    _due_again(task)
    run_due()
    task.refresh_from_db()
    assert (task.state, task.attempt) == (TaskState.DEAD, 2)
    assert task.finished_at is not None
    assert task.error_fingerprint
    assert task.last_error.startswith("DatabaseUnavailable: ")
    assert buried == [("k", "DATABASE_UNAVAILABLE")]
    assert [run.outcome for run in task.runs.all()] == [RunOutcome.ERROR, RunOutcome.ERROR]
    assert "raise DatabaseUnavailable()" in task.runs.last().traceback


def test_an_error_that_another_try_cannot_help_dies_at_once():
    task = enqueue("test.hopeless", key="k")
    run_due()
    task.refresh_from_db()
    assert (task.state, task.attempt) == (TaskState.DEAD, 1)
    assert buried == [("k", "NOT_FOUND")]


def test_a_body_that_exits_the_process_is_a_failed_run():
    task = enqueue("test.exits")
    run_due()
    task.refresh_from_db()
    assert (task.state, task.error_code) == (TaskState.RETRY_WAIT, "INTERNAL_UNCLASSIFIED")


def test_a_broken_hook_does_not_keep_a_task_from_dying():
    task = enqueue("test.broken_hook")
    run_due()
    task.refresh_from_db()
    assert task.state == TaskState.DEAD
    assert "the hook itself is broken" in task.last_error


def test_a_task_of_an_unknown_kind_waits_without_spending_a_try():
    task = Task.objects.create(kind="test.from_another_release")
    run_due()
    task.refresh_from_db()
    assert (task.state, task.attempt, task.error_code) == (TaskState.RETRY_WAIT, 0, "TASK_KIND_UNKNOWN")
    assert task.runs.get().outcome == RunOutcome.SNOOZED
    assert task.run_at > timezone.now() + timedelta(seconds=50)


class Unspeakable(Exception):
    def __str__(self) -> str:
        text: str | None = self.args[0]
        if text is None:
            raise RuntimeError
        return text


@durable("test.unspeakable", tries=1)
def unspeakable(context, *, which: int) -> None:
    raise Unspeakable(("a\0b", "\ud800", None)[which])


@pytest.mark.parametrize(("which", "kept"), [(0, "a␀b"), (1, "?"), (2, "could not be made")])
def test_an_error_whose_text_cannot_be_stored_is_stored_all_the_same(which, kept):
    task = enqueue("test.unspeakable", payload={"which": which})
    run_due()
    task.refresh_from_db()
    assert task.state == TaskState.DEAD
    assert kept in task.last_error
    assert kept in task.runs.get().error
