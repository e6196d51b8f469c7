"""Dead letters can be looked at in groups, started again and given up; their history stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from resilience import selectors
from resilience.circuits import CircuitOpen
from resilience.models import OperatorAction, Task
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import dead, durable, enqueue
from resilience.tasks.errors import TaskAlreadyLive, TaskNotInThatState
from resilience.tasks.runner import run_due
from tests.factories import make_user

pytestmark = pytest.mark.django_db

broken = True


@durable("test.breaks", tries=1)
def breaks(context, *, how: str = "left") -> None:
    if broken:
        raise (ValueError if how == "left" else KeyError)("it is broken")


@durable("test.needs_mail")
def needs_mail(context) -> None:
    raise CircuitOpen(circuit="mail", retry_after=40)


@pytest.fixture(autouse=True)
def _broken(monkeypatch):
    monkeypatch.setattr(f"{__name__}.broken", True)


def bury(**values) -> Task:
    task = enqueue("test.breaks", **values)
    run_due()
    task.refresh_from_db()
    assert task.state == TaskState.DEAD
    return task


def test_a_replayed_one_succeeds_once_the_cause_is_gone_and_keeps_its_history(monkeypatch):
    task = bury()
    monkeypatch.setattr(f"{__name__}.broken", False)
    dead.replay(task)
    run_due()
    task.refresh_from_db()
    assert (task.state, task.attempt, task.error_code) == (TaskState.SUCCEEDED, 1, "")
    assert [run.outcome for run in task.runs.all()] == [RunOutcome.ERROR, RunOutcome.OK]


def test_only_a_dead_one_is_replayed():
    task = bury()
    dead.replay(task)
    with pytest.raises(TaskNotInThatState) as refused:
        dead.replay(task)
    assert refused.value.fields == {"state": "Pending"}


def test_one_whose_work_a_newer_task_does_is_left_as_it_is():
    old = bury(key="video-1")
    enqueue("test.breaks", key="video-1")
    with pytest.raises(TaskAlreadyLive):
        dead.replay(old)
    old.refresh_from_db()
    assert old.state == TaskState.DEAD


def test_a_selection_says_what_was_skipped():
    tasks = [bury(), bury(key="taken")]
    enqueue("test.breaks", key="taken")
    assert dead.replay_many([task.pk for task in tasks]) == dead.Replayed(done=1, skipped=1)


def test_a_discarded_one_is_over_and_its_history_stays():
    task = bury()
    dead.discard(task)
    task.refresh_from_db()
    assert task.state == TaskState.CANCELED
    assert task.runs.count() == 1
    with pytest.raises(TaskNotInThatState):
        dead.discard(task)


def test_with_a_reason_it_is_on_the_audit_log():
    person = make_user(staff=True)
    task, other = bury(), bury()
    dead.replay(task, by=person, reason="mended")
    dead.discard(other, by=person, reason="not needed")
    assert list(OperatorAction.objects.order_by("pk").values_list("action", "actor", "reason", "count")) == [
        ("task.replay", person.pk, "mended", 1),
        ("task.discard", person.pk, "not needed", 1),
    ]


def test_a_waiting_task_is_canceled_and_an_ended_one_is_not():
    task = enqueue("test.breaks")
    dead.cancel(task)
    assert run_due() == 0
    with pytest.raises(TaskNotInThatState):
        dead.cancel(task)


def test_a_task_whose_circuit_is_open_waits_for_it_and_spends_no_try():
    task = enqueue("test.needs_mail")
    for _ in range(3):
        assert run_due() == 1
        task.refresh_from_db()
        assert (task.state, task.attempt, task.error_code) == (TaskState.RETRY_WAIT, 0, "CIRCUIT_OPEN")
        assert timedelta(seconds=38) < task.run_at - timezone.now() < timedelta(seconds=51)
        Task.objects.update(run_at=timezone.now())
    assert {run.outcome for run in task.runs.all()} == {RunOutcome.SNOOZED}


def test_a_circuit_open_for_more_than_a_day_ends_in_a_dead_letter():
    task = enqueue("test.needs_mail")
    Task.objects.update(snoozed_since=timezone.now() - timedelta(hours=25))
    run_due()
    task.refresh_from_db()
    assert task.state == TaskState.DEAD


def test_groups_show_how_many_since_when_and_a_sample():
    tasks = [bury() for _ in range(3)]
    different = bury(payload={"how": "right"})
    groups = selectors.dead_letter_groups()
    assert [(group.count, group.kinds, group.error_code) for group in groups] == [
        (3, ["test.breaks"], "INTERNAL_UNCLASSIFIED"),
        (1, ["test.breaks"], "INTERNAL_UNCLASSIFIED"),
    ]
    assert groups[0].sample == tasks[-1]
    assert groups[0].first_seen <= groups[0].last_seen
    assert groups[1].fingerprint == different.error_fingerprint
