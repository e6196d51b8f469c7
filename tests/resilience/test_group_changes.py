"""Many dead letters at once: a task changes them batch by batch, spread over time, each of them once, and says how it went."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from resilience.models import GroupChange, OperatorAction, Task
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import durable, enqueue, groups
from resilience.tasks.claim import claim_task
from resilience.tasks.errors import GroupChangeOver, NoDeadLetters
from resilience.tasks.runner import run_due
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@durable("test.grouped", tries=1)
def grouped(context) -> None:
    raise ValueError("still broken")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(groups, "BATCH", 4)


def letters(count: int, *, fingerprint: str = "f" * 32, **values) -> list[Task]:
    values = {"kind": "test.grouped", "state": TaskState.DEAD, "finished_at": timezone.now() - timedelta(minutes=1), "attempt": 3, **values}
    return Task.objects.bulk_create([Task(error_fingerprint=fingerprint, **values) for _ in range(count)])


def run_batches() -> int:
    """Run only what changes the group, as if its time had come; return how many batches that took."""
    batches = 0
    while task := Task.objects.filter(kind="resilience.change_group", state=TaskState.PENDING).first():
        Task.objects.filter(pk=task.pk).update(run_at=timezone.now(), priority=0)
        Task.objects.filter(kind="test.grouped", state=TaskState.PENDING, run_at__lte=timezone.now()).update(run_at=timezone.now() + timedelta(hours=1))
        run_due(limit=1)
        batches += 1
    return batches


def state_counts() -> dict[str, int]:
    states = list(Task.objects.filter(kind="test.grouped").values_list("state", flat=True))
    return {state: states.count(state) for state in set(states)}


def test_a_whole_group_starts_again_in_batches_with_time_between_them():
    letters(10)
    letters(2, fingerprint="e" * 32)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")
    assert (change.matched, state_counts()) == (10, {TaskState.DEAD: 12})
    before = timezone.now()
    run_due(limit=1)
    assert state_counts() == {TaskState.PENDING: 4, TaskState.DEAD: 8}
    following = Task.objects.get(kind="resilience.change_group", state=TaskState.PENDING)
    assert timedelta(seconds=7) < following.run_at - before < timedelta(seconds=15)
    assert run_batches() == 2
    change.refresh_from_db()
    assert (change.done, change.skipped, change.batches, change.stopped) == (10, 0, 3, False)
    assert change.ended_at is not None
    assert state_counts() == {TaskState.PENDING: 10, TaskState.DEAD: 2}


def test_those_of_a_batch_do_not_start_together():
    letters(4)
    groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")
    before = timezone.now()
    run_due(limit=1)
    starts = list(Task.objects.filter(kind="test.grouped").values_list("run_at", flat=True))
    assert len(set(starts)) == 4
    assert max(starts) < before + timedelta(seconds=groups.PAUSE_SECONDS + 5)


def test_what_cannot_be_replayed_is_skipped_counted_and_left_as_it_is():
    letters(3)
    letters(1, key="taken")
    enqueue("test.grouped", key="taken", run_at=timezone.now() + timedelta(hours=1))
    change = groups.change_all("replay", kind="test.grouped", by=None, reason="mended")
    run_batches()
    change.refresh_from_db()
    assert (change.done, change.skipped) == (3, 1)
    assert Task.objects.get(key="taken", state=TaskState.DEAD).attempt == 3
    ended = OperatorAction.objects.get(action="task.replay_group.ended")
    assert (ended.count, "1 skipped" in ended.target) == (3, True)


def test_what_dies_again_meanwhile_is_not_taken_again():
    letters(4)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="try it")
    run_due(limit=1)
    assert Task.objects.filter(kind="test.grouped").update(run_at=timezone.now() - timedelta(seconds=1)) == 4
    run_due(limit=4)  # they fail as before
    letters(1, finished_at=timezone.now() + timedelta(seconds=1))
    run_batches()
    change.refresh_from_db()
    assert (change.done, state_counts()) == (4, {TaskState.DEAD: 5})


def test_a_batch_that_is_run_again_changes_nothing_more():
    letters(6)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")
    run_due(limit=1)
    groups.change_group(None, change_id=change.pk, batch=0)  # its end was not stored, so the sweep gave it to another
    change.refresh_from_db()
    assert (change.done, change.batches) == (4, 1)
    assert Task.objects.filter(kind="resilience.change_group", state=TaskState.PENDING).count() == 1


def test_a_death_in_the_middle_of_a_batch_leaves_nothing_half_done(monkeypatch):
    letters(4)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")

    def die(name: str) -> None:
        raise SystemExit(137)

    monkeypatch.setattr(groups, "point", die)
    with pytest.raises(SystemExit):
        groups.change_group(None, change_id=change.pk, batch=0)
    change.refresh_from_db()
    assert (change.done, change.batches, state_counts()) == (0, 0, {TaskState.DEAD: 4})


def test_one_that_runs_is_not_touched():
    (letter,) = letters(1)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")
    Task.objects.filter(pk=letter.pk).update(state=TaskState.PENDING, run_at=timezone.now(), finished_at=None)
    claimed = claim_task(letter.pk)  # somebody else replayed it, and it runs
    run_batches()
    letter.refresh_from_db()
    assert (letter.state, letter.lease_epoch) == (TaskState.LEASED, claimed.epoch)
    change.refresh_from_db()
    assert (change.done, change.skipped) == (0, 0)


def test_history_is_kept_through_a_replay():
    task = enqueue("test.grouped")
    run_due()
    task.refresh_from_db()
    groups.change_all("replay", fingerprint=task.error_fingerprint, by=None, reason="mended")
    run_batches()
    Task.objects.filter(pk=task.pk).update(run_at=timezone.now())
    run_due()
    assert [run.outcome for run in task.runs.all()] == [RunOutcome.ERROR, RunOutcome.ERROR]


def test_discarding_a_group_goes_the_same_way():
    letters(9)
    change = groups.change_all("discard", fingerprint="f" * 32, by=None, reason="not needed")
    assert run_batches() == 3
    change.refresh_from_db()
    assert (change.done, state_counts()) == (9, {TaskState.CANCELED: 9})


def test_a_limit_is_kept():
    letters(9)
    change = groups.change_all("replay", kind="test.grouped", at_most=5, by=None, reason="a few first")
    run_batches()
    change.refresh_from_db()
    assert (change.matched, change.done, state_counts()[TaskState.DEAD]) == (5, 5, 4)


def test_it_can_be_stopped_on_the_way_and_only_once():
    person = make_user(staff=True)
    letters(9)
    change = groups.change_all("replay", fingerprint="f" * 32, by=person, reason="mended")
    run_due(limit=1)
    groups.stop(change, by=person, reason="it is not mended")
    run_batches()
    change.refresh_from_db()
    assert (change.done, change.stopped, state_counts()[TaskState.DEAD]) == (4, True, 5)
    with pytest.raises(GroupChangeOver):
        groups.stop(change, by=person, reason="again")
    assert list(OperatorAction.objects.order_by("pk").values_list("action", "actor")) == [("task.replay_group", person.pk), ("task.stop_group", person.pk)]


def test_when_its_task_dies_it_says_that_it_has_ended(monkeypatch):
    letters(1)
    change = groups.change_all("replay", fingerprint="f" * 32, by=None, reason="mended")
    task = Task.objects.get(kind="resilience.change_group")
    groups._gave_up(task)
    change.refresh_from_db()
    assert change.stopped
    assert change.ended_at is not None


def test_nothing_that_matches_and_nothing_chosen_are_refused():
    with pytest.raises(NoDeadLetters):
        groups.change_all("replay", fingerprint="0" * 32, by=None, reason="typo")
    with pytest.raises(IntegrityError), transaction.atomic():
        GroupChange.objects.create(action="replay", reason="everything")
