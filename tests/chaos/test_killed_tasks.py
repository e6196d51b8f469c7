"""Tasks while everything below them is killed: PostgreSQL, and at random whatever process carries them. Seeded by CHAOS_SEED."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django_q.conf import Conf

from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import brokers
from resilience.tasks.brokers import sender
from resilience.tasks.brokers.sender import Sender
from tests import s3
from tests.resilience.farm import Farm, Marks, farming
from tests.resilience.worker import wait_for
from tests.stack import system as stack

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("CHAOS_SEED", "20"))
KILLS, TASKS = 25, 250
PUT_DOWN = "from resilience.tasks import enqueue\nfor n in range(40): enqueue('resilience.canary', payload={'seconds': 0.3})"
OURS = "resilience_task WHERE kind = 'resilience.canary'"


@pytest.fixture
def db() -> None:
    """In place of pytest-django's, as in tests/resilience/test_crash_table.py."""


@pytest.fixture
def farm(db: None, django_db_setup, django_db_blocker, tmp_path: Path) -> Iterator[Farm]:
    with farming(django_db_blocker, tmp_path, TASK_LEASE_SECONDS="6", TASK_HEARTBEAT_SECONDS="2") as farm:
        yield farm


def test_postgresql_is_stopped_for_three_seconds_under_forty_tasks() -> None:
    with stack.System(WORKERS="2") as system:
        system.command("shell", "--command", PUT_DOWN)
        stack.wait_for(lambda: system.query(f"SELECT 1 FROM {OURS} AND state = 'succeeded'"), seconds=60, what="some are done")
        system.postgres.stop(mode="immediate")
        time.sleep(3)
        system.postgres.start()
        stack.wait_for(lambda: system.query(f"SELECT count(*) FROM {OURS} AND state = 'succeeded'") == [(40,)], seconds=120, what="all are done")
        good = system.query(f"SELECT count(*) FROM resilience_taskrun WHERE outcome = 'ok' AND task_id IN (SELECT id FROM {OURS}) GROUP BY task_id")
    assert good == [(1,)] * 40


def test_whatever_is_killed_at_random_each_task_is_finished_once(farm: Farm, tmp_path: Path) -> None:
    chance, marks = random.Random(SEED), Marks(tmp_path / "marks")
    worker = farm.well()
    marks.put(TASKS, seconds=0.1)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.0))
        # Every other time one that is at work, else any: the workers are few among those that carry messages for them.
        victims = marks.busy() if chance.random() < 0.5 else [process.pid for process in worker.family()]
        with contextlib.suppress(psutil.NoSuchProcess):
            if victims:
                psutil.Process(chance.choice(victims)).kill()
    ended = [TaskState.SUCCEEDED, TaskState.DEAD]
    wait_for(lambda: not marks.rows().exclude(state__in=ended).exists(), seconds=300, what=f"every task has ended (seed {SEED})\n{worker.text()}")
    # One that was hit three times by chance is poison as far as anybody can tell.
    dead = marks.rows().filter(state=TaskState.DEAD)
    assert set(dead.values_list("error_code", "crash_count")) <= {("TASK_POISON", 3)}
    for task in marks.rows().filter(state=TaskState.SUCCEEDED):
        assert task.runs.filter(outcome=RunOutcome.OK).count() == 1
    assert not TaskRun.objects.filter(task__in=marks.rows(), outcome="").exists(), "every run has an end"
    assert TaskRun.objects.filter(task__in=marks.rows(), outcome=RunOutcome.CRASHED).exists(), "nobody was killed while busy: this shows nothing"
    assert dead.count() <= 2


def test_sqs_carries_wake_ups_to_a_real_worker(db: None, django_db_setup, django_db_blocker, tmp_path: Path, monkeypatch, settings) -> None:
    with s3.running() as amazon:
        for name, value in s3.KEYS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(brokers, "_BROKERS", {})
        monkeypatch.setattr(sender, "SENDER", Sender())
        monkeypatch.setattr(Conf, "BROKER_CLASS", "resilience.tasks.brokers.sqs.SqsBroker")
        monkeypatch.setattr(Conf, "SQS", {"region_name": "us-east-1", "endpoint_url": amazon.url})
        settings.TASK_BROKER_SECONDS = 5.0
        with farming(django_db_blocker, tmp_path, TASK_BROKER_URL=f"sqs://us-east-1?endpoint_url={amazon.url}") as farm:
            worker, marks = farm.well(), Marks(tmp_path / "marks")
            marks.put(10, seconds=0.1)
            marks.wait_until_done(worker)
            wait_for(lambda: brokers.broker_of("default").waiting() == 0, seconds=60, what="every message was taken")
            assert marks.runs() == len(marks.tasks)
            assert Task.objects.filter(state=TaskState.SUCCEEDED).count() == 10
            sender.SENDER.flush(30)
