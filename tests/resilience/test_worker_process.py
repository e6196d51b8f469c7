"""The real worker: whatever is killed, every task is done, and each is finished exactly once."""

from __future__ import annotations

import time

import psutil
import pytest
from django.db.models import Count

from resilience.leases import Owner
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import enqueue
from tests.resilience.worker import Worker, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker(tmp_path):
    with Worker(tmp_path) as running:
        running.wait_until_complete()
        yield running


def leased_pids(kind: str = "resilience.canary") -> list[int]:
    owners = Task.objects.filter(state=TaskState.LEASED, kind=kind).values_list("lease_owner", flat=True)
    return [owner.pid for text in owners if (owner := Owner.parse(text))]


def wait_until_all_done(worker: Worker, *, seconds: float) -> None:
    try:
        wait_for(lambda: not Task.objects.exclude(state=TaskState.SUCCEEDED).exists(), seconds=seconds, what="every task is done")
    except AssertionError as late:
        left = list(Task.objects.exclude(state=TaskState.SUCCEEDED).values_list("kind", "state", "attempt", "error_code"))
        raise AssertionError(f"{late}\nLeft: {left}\n{worker.text()}") from None
    finished = TaskRun.objects.filter(outcome=RunOutcome.OK).values("task").annotate(times=Count("pk"))
    assert finished.count() == Task.objects.count()
    assert all(row["times"] == 1 for row in finished)


def test_every_task_is_done_once_though_a_busy_worker_and_the_monitor_are_killed(worker):
    for number in range(30):
        enqueue("resilience.canary", payload={"seconds": 0.3, "label": str(number)})
    enqueue("resilience.canary_media", payload={"seconds": 1.0})
    busy = wait_for(leased_pids, seconds=15, what="a worker is busy")[0]
    _worker, _other, monitor, _pusher = worker.members("default")
    psutil.Process(busy).kill()
    killed_at = time.monotonic()
    wait_for(lambda: TaskRun.objects.filter(outcome=RunOutcome.CRASHED).exists(), seconds=10, what="the lost run is on record")
    assert time.monotonic() - killed_at < 10
    old = worker.sentinel("default").pid
    monitor.kill()
    wait_for(lambda: worker.was_replaced("default", old), seconds=15, what="the cluster without a monitor is replaced")
    wait_until_all_done(worker, seconds=45)
    assert worker.stop() == 0


def test_the_sentinel_is_killed_and_then_the_supervisor(worker, tmp_path):
    for number in range(8):
        enqueue("resilience.canary", payload={"seconds": 1.0, "label": str(number)})
    wait_for(leased_pids, seconds=15, what="a worker is busy")
    before = worker.family()
    worker.sentinel("default").kill()
    wait_for(lambda: Task.objects.filter(state=TaskState.SUCCEEDED).count() >= 3, seconds=20, what="work goes on")

    wait_for(leased_pids, seconds=15, what="a worker is busy again")
    worker.process.kill()
    worker.process.wait(5)
    everyone = {*before, *worker.family()}
    _gone, alive = psutil.wait_procs(everyone, timeout=5)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []

    with Worker(tmp_path) as another:
        wait_until_all_done(another, seconds=40)
        assert another.stop() == 0


def test_stopping_puts_back_what_would_take_too_long_and_spends_no_try(worker):
    task = enqueue("resilience.canary", payload={"seconds": 120})
    wait_for(leased_pids, seconds=15, what="the worker is busy")
    pids = worker.family()
    began = time.monotonic()
    assert worker.stop() == 0
    assert 9 < time.monotonic() - began < 16
    _gone, alive = psutil.wait_procs(pids, timeout=2)
    assert alive == []
    task.refresh_from_db()
    assert (task.state, task.attempt, task.crash_count) == (TaskState.PENDING, 0, 0)
    assert task.runs.get().outcome == RunOutcome.INTERRUPTED
    assert not (worker.folder / "var" / "run" / "worker.pid").exists()
