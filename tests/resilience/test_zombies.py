"""A worker that was frozen and comes back finds its lease gone, and what it then does changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import psutil
import pytest
from django.conf import settings
from django.utils import timezone

from resilience.leases import owner_of
from resilience.models import Task
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import enqueue, sweep, wakeups
from resilience.tasks.claim import claim_task
from resilience.tasks.runner import execute, run_one
from tests.resilience.worker import database_url, wait_for

pytestmark = [pytest.mark.django_db(transaction=True)]

# Takes one task and runs it, with a body that lasts until a file appears, then says how its end was taken.
RUNNER = """
import sys, time
from pathlib import Path
import django
django.setup()
from resilience.tasks import durable, finish
from resilience.tasks.claim import claim_task
from resilience.tasks.runner import execute
task, folder = sys.argv[1], Path(sys.argv[2])

def wait_for_the_file(context, **payload):
    (folder / "began").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)

from resilience.tasks import registry
registry._KINDS["resilience.canary"] = registry.Kind("resilience.canary", wait_for_the_file)
claimed = claim_task(task)
execute(claimed)
(folder / "ended").write_text(str(finish.succeed(claimed)))
"""


@pytest.fixture
def task() -> Task:
    made = enqueue("resilience.canary")
    assert made is not None
    return made


@pytest.fixture
def frozen(task, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of the task's body, stopped by SIGSTOP."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "VAR_DIR": str(tmp_path / "var"),
        "HOLDFAST_ROLE": "worker",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    process = subprocess.Popen([sys.executable, "-c", RUNNER, str(task.pk), str(tmp_path)], cwd=settings.BASE_DIR, env=environment)
    try:
        wait_for((tmp_path / "began").exists, seconds=60, what="the body has begun")
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, seconds=60, what="it is frozen")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_frozen_worker_loses_its_task_and_its_late_end_is_refused(task, frozen, tmp_path):
    task.refresh_from_db()
    assert task.lease_owner == str(owner_of(frozen.pid))
    assert sweep.reap_gone() == 0, "it is not gone, it is frozen"
    Task.objects.filter(pk=task.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep.reap_expired() == 1
    Task.objects.filter(pk=task.pk).update(run_at=timezone.now())
    second = claim_task(task.pk)

    (tmp_path / "go").touch()
    frozen.send_signal(signal.SIGCONT)  # the zombie comes back and ends its body, while the second run is under way
    assert frozen.wait(60) == 0
    assert (tmp_path / "ended").read_text() == "False"
    task.refresh_from_db()
    assert (task.state, task.lease_epoch) == (TaskState.LEASED, second.epoch), "two may not hold it, and the late one changes nothing"

    execute(second)
    task.refresh_from_db()
    assert task.state == TaskState.SUCCEEDED
    assert [run.outcome for run in task.runs.all()] == [RunOutcome.CRASHED, RunOutcome.OK]


def test_wake_ups_three_times_or_never_make_one_run_each():
    tasks = [enqueue("resilience.canary") for _ in range(6)]
    for task in tasks[:3]:
        for _ in range(3):
            run_one(str(task.pk), "default")
    Task.objects.filter(state=TaskState.PENDING).update(woken_at=None)  # nobody was ever woken for the others
    wakeups.send_wake_ups()
    run_one("", "default")
    for task in tasks:
        assert [run.outcome for run in task.runs.all()] == [RunOutcome.OK]
