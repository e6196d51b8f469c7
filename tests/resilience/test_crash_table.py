"""What wedges, loses or doubles work in django-q2 alone, done to our worker: each line ends with every task done, and each finished once.

The lines are those of docs/workers.md. One worker serves all tests here; one that does not survive a test is started again for the next.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from resilience import draining
from resilience.draining import Scope
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import enqueue
from resilience.tasks.wake import wake
from tests.resilience.farm import Farm, Marks, counted, farming
from tests.resilience.worker import Worker, wait_for

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def farm(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Farm]:
    with farming(django_db_blocker, tmp_path_factory.mktemp("worker")) as farm:
        yield farm


@pytest.fixture
def db() -> None:
    """In place of pytest-django's: the database is made for these tests, but nothing is rolled back or emptied while the worker is at it."""


@pytest.fixture
def worker(db: None, farm: Farm) -> Worker:
    return farm.well()


@pytest.fixture
def marks(db: None, tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks")


def test_a_busy_worker_is_killed(worker: Worker, marks: Marks) -> None:
    marks.put(6, seconds=0.5)
    busy = wait_for(marks.busy, seconds=60, what="a worker is busy")[0]
    psutil.Process(busy).kill()
    wait_for(lambda: TaskRun.objects.filter(task__in=marks.rows(), outcome=RunOutcome.CRASHED).exists(), seconds=60, what="the lost run is on record")
    marks.wait_until_done(worker)


def test_the_idle_workers_are_killed_with_the_lock_one_of_them_holds(worker: Worker, marks: Marks) -> None:
    old = worker.sentinel("default").pid
    for idle in worker.members("default", "task-worker"):
        idle.kill()
    marks.put(4)
    marks.wait_until_done(worker)
    assert worker.was_replaced("default", old)


def test_the_monitor_is_killed(worker: Worker, marks: Marks) -> None:
    old = worker.sentinel("default").pid
    worker.members("default", "task-monitor")[0].kill()
    wait_for(lambda: worker.was_replaced("default", old), seconds=60, what="the cluster without a monitor is replaced")
    marks.put(4)
    marks.wait_until_done(worker)


def test_the_pusher_is_killed(worker: Worker, marks: Marks) -> None:
    worker.members("default", "task-pusher")[0].kill()
    marks.put(4)
    marks.wait_until_done(worker)


def test_monitor_and_pusher_are_killed_under_load(worker: Worker, marks: Marks) -> None:
    marks.put(20, seconds=0.1)
    wait_for(marks.busy, seconds=60, what="a worker is busy")
    for victim in (*worker.members("default", "task-monitor"), *worker.members("default", "task-pusher")):
        victim.kill()
    marks.wait_until_done(worker)
    assert sorted(set(marks.ran())) == sorted(str(task.pk) for task in marks.tasks)


def test_the_supervisor_is_killed_and_nobody_goes_on_without_it(farm: Farm, marks: Marks) -> None:
    worker = farm.well()
    marks.put(6, seconds=0.5)
    wait_for(marks.busy, seconds=60, what="a worker is busy")
    everyone = worker.family()
    worker.process.kill()
    worker.process.wait(60)
    _gone, alive = psutil.wait_procs(everyone, timeout=30)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    marks.wait_until_done(farm.well())


def test_the_sentinel_is_killed(worker: Worker, marks: Marks) -> None:
    marks.put(6, seconds=0.3)
    wait_for(marks.busy, seconds=60, what="a worker is busy")
    old = worker.sentinel("default")
    members = old.children()
    old.kill()
    marks.wait_until_done(worker)
    _gone, alive = psutil.wait_procs(members, timeout=30)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_poison_is_put_away_after_three_crashes_and_others_go_on(worker: Worker, marks: Marks) -> None:
    poison = enqueue("test.poison")
    marks.put(4)
    wait_for(lambda: Task.objects.filter(pk=poison.pk, state=TaskState.DEAD).exists(), seconds=90, what="the poison is a dead letter")
    poison.refresh_from_db()
    assert (poison.error_code, poison.crash_count) == ("TASK_POISON", 3)
    assert list(poison.runs.values_list("outcome", flat=True)) == [RunOutcome.CRASHED] * 3
    marks.wait_until_done(worker)


def test_results_that_cannot_be_pickled_or_saved_do_no_harm(worker: Worker) -> None:
    tasks = [enqueue("test.returns", payload={"what": what}) for what in ("unpicklable", "unsaveable", "nul", "generator", "large")]
    failing = [enqueue("test.raises", payload={"what": what}).pk for what in ("nul", "surrogate", "mute")]
    ids = [task.pk for task in tasks]
    wait_for(lambda: Task.objects.filter(pk__in=ids, state=TaskState.SUCCEEDED).count() == len(ids), seconds=60, what="all are done")
    assert TaskRun.objects.filter(task__in=ids).count() == len(ids)
    wait_for(lambda: Task.objects.filter(pk__in=failing, state=TaskState.DEAD).count() == 3, seconds=60, what="what cannot be said is put away all the same")


def test_prefetched_and_redelivered_wake_ups_make_one_execution(worker: Worker, marks: Marks) -> None:
    marks.put(6, seconds=0.3)
    wait_for(marks.busy, seconds=60, what="a worker is busy")
    OrmQ.objects.update(lock=timezone.now())  # as when `retry` was too short: what was taken is given out again
    marks.wait_until_done(worker)
    assert marks.runs() == len(marks.tasks)
    assert len(marks.ran()) == len(marks.tasks)


def test_every_wake_up_is_delivered_three_times(worker: Worker, marks: Marks) -> None:
    for _ in range(6):
        marks.put(1, seconds=0.05)
        wake("default", 2)
    marks.wait_until_done(worker)
    assert marks.runs() == len(marks.tasks)
    assert len(marks.ran()) == len(marks.tasks)


def test_no_wake_up_is_delivered(worker: Worker, marks: Marks) -> None:
    payload = {"file": str(marks.file)}
    marks.tasks = Task.objects.bulk_create([Task(kind="test.marks", payload=payload, run_at=timezone.now()) for _ in range(5)])
    marks.wait_until_done(worker)
    assert len(marks.ran()) == 5


def test_a_drained_host_begins_nothing_until_it_is_resumed(worker: Worker, marks: Marks, settings) -> None:
    settings.VAR_DIR = worker.folder / "var"
    draining.begin(Scope.HOST, reason="an update")
    try:
        time.sleep(2 * draining.LOOK_SECONDS)  # by now each process would see it before it claims
        marks.put(3)
        time.sleep(1)
        assert not marks.rows().exclude(state=TaskState.PENDING).exists()
    finally:
        draining.end(Scope.HOST, reason="updated")
    marks.wait_until_done(worker)


def test_what_happened_to_it_is_counted(worker: Worker, marks: Marks) -> None:
    worker.members("default", "task-pusher")[0].kill()
    wait_for(lambda: "holdfast_tasks_processes_replaced_total" in counted(worker), seconds=60, what="the killed process is counted")
    marks.put(2)
    marks.wait_until_done(worker)


def test_a_worker_that_holds_too_much_is_replaced_between_two_tasks(worker: Worker, marks: Marks) -> None:
    """The limit of this worker is in `Worker`; each of these bodies goes beyond it."""
    tasks = [enqueue("test.grows", payload={"mebibytes": 600}) for _ in range(3)]
    marks.put(3)
    ids = [task.pk for task in tasks]
    wait_for(lambda: Task.objects.filter(pk__in=ids, state=TaskState.SUCCEEDED).count() == 3, seconds=60, what="all are done")
    marks.wait_until_done(worker)
    runs = TaskRun.objects.filter(task__in=ids)
    assert set(runs.values_list("outcome", flat=True)) == {RunOutcome.OK}
    assert len(set(runs.values_list("owner", flat=True))) == 3


def test_a_worker_told_to_stop_puts_back_what_takes_too_long_and_spends_no_try(db: None, farm: Farm) -> None:
    worker = farm.well()
    task = enqueue("resilience.canary", payload={"seconds": 120})
    wait_for(lambda: Task.objects.filter(pk=task.pk, state=TaskState.LEASED).exists(), seconds=60, what="the worker is busy")
    family = worker.family()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0
    _gone, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    task.refresh_from_db()
    assert (task.state, task.attempt, task.crash_count) == (TaskState.PENDING, 0, 0)
    assert task.runs.get().outcome == RunOutcome.INTERRUPTED
    assert not (worker.folder / "var" / "run" / "worker.pid").exists()
    Task.objects.filter(pk=task.pk).delete()
