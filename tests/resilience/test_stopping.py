"""How a worker process hears that it should stop, and how a standstill is told from a pause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from resilience.models import Task
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import durable, enqueue
from resilience.tasks.cluster import Progress
from resilience.tasks.runner import run_due, run_one
from resilience.tasks.stopping import STOP_FD_VARIABLE, Stop, stop_requested


@durable("test.patient")
def patient(context) -> None:
    while not context.lease_lost():
        pass


@durable("test.stops_us")
def stops_us(context) -> None:
    os.write(int(os.environ["TEST_STOP_WRITE"]), b"d")


@pytest.fixture
def stop_pipe(monkeypatch):
    read, write = os.pipe()
    monkeypatch.setenv(STOP_FD_VARIABLE, str(read))
    monkeypatch.setenv("TEST_STOP_WRITE", str(write))
    yield write
    os.close(read)
    try:
        os.close(write)
    except OSError:
        return  # the test closed it


def test_without_a_supervisor_nothing_stops(monkeypatch):
    monkeypatch.delenv(STOP_FD_VARIABLE, raising=False)
    assert stop_requested() is Stop.NO


def test_a_byte_means_no_more_and_the_end_means_now(stop_pipe):
    assert stop_requested() is Stop.NO
    os.write(stop_pipe, b"d")
    assert stop_requested() is Stop.DRAIN
    assert stop_requested() is Stop.DRAIN
    os.close(stop_pipe)
    assert stop_requested() is Stop.NOW


@pytest.mark.django_db
def test_a_worker_told_to_stop_ends_its_task_and_claims_no_other(stop_pipe):
    first, second = enqueue("test.stops_us"), enqueue("test.stops_us")
    run_one(str(first.pk), "default")
    assert set(Task.objects.values_list("pk", "state")) == {(first.pk, TaskState.SUCCEEDED), (second.pk, TaskState.PENDING)}
    run_one(str(second.pk), "default")
    assert Task.objects.filter(state=TaskState.PENDING).count() == 1


@pytest.mark.django_db
def test_a_running_body_told_to_stop_now_is_put_back(stop_pipe):
    task = enqueue("test.patient")
    os.close(stop_pipe)
    run_due(limit=1)
    task.refresh_from_db()
    assert (task.state, task.attempt) == (TaskState.PENDING, 0)
    assert task.runs.get().outcome == RunOutcome.INTERRUPTED


class TestProgress:
    def test_waiting_without_taking_is_a_standstill_after_a_while(self):
        progress = Progress(10)
        assert not progress.stuck(0, waiting=True, taken=5)
        assert not progress.stuck(9, waiting=True, taken=5)
        assert progress.stuck(10, waiting=True, taken=5)

    def test_taking_one_is_progress(self):
        progress = Progress(10)
        progress.stuck(0, waiting=True, taken=5)
        assert not progress.stuck(11, waiting=True, taken=6)
        assert not progress.stuck(20, waiting=True, taken=6)
        assert progress.stuck(21, waiting=True, taken=6)

    def test_an_empty_queue_is_no_standstill(self):
        progress = Progress(10)
        progress.stuck(0, waiting=True, taken=5)
        assert not progress.stuck(11, waiting=False, taken=5)
        assert not progress.stuck(12, waiting=True, taken=5)
        assert not progress.stuck(21, waiting=True, taken=5)
        assert progress.stuck(22, waiting=True, taken=5)


CHILD_OF_A_CHILD = """
import os, sys, time
sys.path.insert(0, {root!r})
from resilience.parentage import die_with_parent, forks_die_with_this_process
forks_die_with_this_process()
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""


def test_a_forked_process_dies_with_its_parent(settings):
    import psutil

    script = CHILD_OF_A_CHILD.format(root=str(settings.BASE_DIR))
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait(60)
    parent.stdout.close()
    _gone, alive = psutil.wait_procs([child], timeout=60)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
