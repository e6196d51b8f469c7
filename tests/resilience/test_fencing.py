"""Two at once, late answers, lost leases: at most one run of a task counts."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import claim, deadline, durable, enqueue, finish, heartbeat, runner
from resilience.tasks.claim import claim_next, claim_task
from resilience.tasks.errors import TaskCrashed
from resilience.tasks.failure import of_kind
from resilience.tasks.heartbeat import Lease
from resilience.tasks.registry import kind_of
from resilience.tasks.runner import execute, run_due

pytestmark = pytest.mark.django_db(transaction=True)

ran: list[str] = []


@durable("test.count")
def count(context, *, label: str = "") -> None:
    ran.append(label)


@durable("test.leaves_early")
def leaves_early(context) -> None:
    while not context.lease_lost():
        time.sleep(0.01)


@durable("test.too_slow", timeout=0.1)
def too_slow(context) -> None:
    while not context.lease_lost():
        time.sleep(0.01)


@durable("test.deaf", timeout=0.1)
def deaf(context) -> None:
    try:
        time.sleep(30)
    except Exception:
        ran.append("swallowed")


@durable("test.sees_its_run")
def sees_its_run(context) -> None:
    def look() -> None:
        ran.extend(TaskRun.objects.values_list("outcome", flat=True))
        connection.close()

    other = threading.Thread(target=look)  # another connection sees only what is committed
    other.start()
    other.join()


@pytest.fixture(autouse=True)
def _forget():
    ran.clear()


def expire(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def in_threads(work, times: int) -> list:
    def once(_number: int):
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(once, range(times)))


def test_of_many_that_want_one_task_one_gets_it():
    task = enqueue("test.count")
    claimed = [each for each in in_threads(lambda: claim_task(task.pk), 8) if each]
    assert len(claimed) == 1
    assert TaskRun.objects.count() == 1


def test_workers_side_by_side_run_every_task_once():
    for number in range(40):
        enqueue("test.count", payload={"label": str(number)})
    assert sum(in_threads(lambda: run_due(limit=40), 4)) == 40
    assert sorted(ran, key=int) == [str(number) for number in range(40)]


def test_the_run_is_on_record_before_the_body_begins():
    enqueue("test.sees_its_run")
    run_due()
    assert ran == [""]


def test_a_run_whose_lease_went_to_another_stores_nothing():
    task = enqueue("test.count")
    late = claim_task(task.pk)
    expire(task)
    finish.crash(Task.objects.get(pk=task.pk), late.epoch)
    Task.objects.filter(pk=task.pk).update(run_at=timezone.now())
    current = claim_task(task.pk)
    assert current.epoch == late.epoch + 1
    assert not finish.succeed(late)
    finish.fail(late, of_kind(TaskCrashed()), kind=kind_of("test.count"))
    assert not finish.put_back(task, late.epoch, outcome=RunOutcome.INTERRUPTED)
    task.refresh_from_db()
    assert (task.state, task.lease_epoch) == (TaskState.LEASED, current.epoch)
    assert finish.succeed(current)
    assert [run.outcome for run in task.runs.all()] == [RunOutcome.CRASHED, RunOutcome.OK]


def test_a_canceled_task_hears_it_at_its_next_beat():
    from resilience.tasks import dead

    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    lease = Lease(task.pk, epoch=claimed.epoch, sent=claimed.sent)
    assert lease.beat()
    assert not lease.lost()
    dead.cancel(task, reason="wrong file")
    assert lease.beat()
    assert lease.lost()
    assert not finish.succeed(claimed)
    task.refresh_from_db()
    assert task.state == TaskState.CANCELED


def test_a_beat_prolongs_the_lease_in_the_database_and_here():
    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    lease = Lease(task.pk, epoch=claimed.epoch, sent=time.monotonic() - 29.95)
    expire(task)
    assert lease.beat()
    time.sleep(0.1)
    assert not lease.lost()
    task.refresh_from_db()
    assert task.lease_expires_at > timezone.now() + timedelta(seconds=25)


def test_an_unanswered_beat_means_unknown_until_the_lease_is_over(monkeypatch):
    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    lease = Lease(task.pk, epoch=claimed.epoch, sent=time.monotonic())

    def gone(*_args: object, **_values: object) -> None:
        raise OperationalError("no answer")

    monkeypatch.setattr(heartbeat.Task.objects, "filter", gone)
    assert not lease.beat()
    assert not lease.lost()
    later = time.monotonic() + 30
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: later)
    assert lease.lost()


def test_a_lost_lease_stays_lost_even_if_a_late_beat_is_answered():
    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    lease = Lease(task.pk, epoch=claimed.epoch, sent=time.monotonic() - 31)
    assert lease.lost()
    lease.beat()
    assert lease.lost()


def test_beats_go_on_while_a_body_runs(settings):
    settings.TASK_HEARTBEAT_SECONDS = 0.05
    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    before = Task.objects.get(pk=task.pk).heartbeat_at
    with Lease(task.pk, epoch=claimed.epoch, sent=claimed.sent):
        deadline = time.monotonic() + 60
        while Task.objects.get(pk=task.pk).heartbeat_at <= before or task.runs.get().heartbeat_at is None:
            assert time.monotonic() < deadline, "it does not beat"
            time.sleep(0.02)


def test_a_body_that_leaves_because_its_lease_is_lost_is_put_back_not_done(settings):
    settings.TASK_LEASE_SECONDS = 1
    settings.TASK_HEARTBEAT_SECONDS = 60
    task = enqueue("test.leaves_early")
    run_due(limit=1)
    task.refresh_from_db()
    assert (task.state, task.attempt, task.crash_count) == (TaskState.PENDING, 0, 0)
    assert task.runs.get().outcome == RunOutcome.LOST


def test_a_body_past_its_time_is_a_timeout_and_tried_again():
    task = enqueue("test.too_slow")
    run_due()
    task.refresh_from_db()
    assert (task.state, task.error_code) == (TaskState.RETRY_WAIT, "TASK_TIMED_OUT")
    assert task.runs.get().outcome == RunOutcome.TIMEOUT


def test_a_body_that_does_not_ask_is_cut_and_cannot_swallow_it(monkeypatch):
    monkeypatch.setattr(deadline, "HARD_GRACE_SECONDS", 0.1)
    task = enqueue("test.deaf")
    began = time.monotonic()
    run_due()
    assert time.monotonic() - began < 30, "it sleeps for as long as that if nobody cuts it"
    assert ran == []
    task.refresh_from_db()
    assert task.runs.get().outcome == RunOutcome.TIMEOUT


def test_a_process_stuck_beyond_its_time_is_ended_by_its_lease():
    task = enqueue("test.count")
    claimed = claim_task(task.pk)
    ended = threading.Event()
    with Lease(task.pk, epoch=claimed.epoch, sent=claimed.sent, overdue_at=time.monotonic() + 0.1, overdue=ended.set):
        assert ended.wait(60)


def test_a_result_outlives_a_database_that_is_away_for_a_moment(monkeypatch):
    task = enqueue("test.count")
    claimed = claim_next("default")
    real, faults = finish.succeed, iter([OperationalError("gone"), OperationalError("gone")])

    def flaky(each):
        for fault in faults:
            raise fault
        return real(each)

    monkeypatch.setattr(runner.finish, "succeed", flaky)
    execute(claimed)
    task.refresh_from_db()
    assert task.state == TaskState.SUCCEEDED


def test_a_death_between_claim_and_body_is_found_by_the_sweep():
    from resilience.tasks import sweep

    task = enqueue("test.count")
    assert claim.claim_task(task.pk) is not None  # and the process dies here
    assert sweep.reap_expired() == 0
    expire(task)
    assert sweep.reap_expired() == 1
    assert task.runs.get().outcome == RunOutcome.CRASHED
    Task.objects.filter(pk=task.pk).update(run_at=timezone.now())
    run_due()
    assert ran == [""]


def test_one_thread_beats_for_every_lease_and_gives_its_connection_back(settings):
    settings.TASK_HEARTBEAT_SECONDS = 0.05
    claims = [claim_task(enqueue("test.count").pk) for _ in range(2)]
    leases = [Lease(claimed.task.pk, epoch=claimed.epoch, sent=claimed.sent) for claimed in claims]
    with leases[0], leases[1]:
        eventually(lambda: all(claimed.task.runs.get().heartbeat_at is not None for claimed in claims))
        assert sum(thread.name == "leases" for thread in threading.enumerate()) == 1
    eventually(lambda: not heartbeat._beater._connected)


def eventually(question) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lease_that_wants_help_sooner_wakes_the_thread():
    long, short = (claim_task(enqueue("test.count").pk) for _ in range(2))
    ended = threading.Event()
    with (
        Lease(long.task.pk, epoch=long.epoch, sent=long.sent),
        Lease(short.task.pk, epoch=short.epoch, sent=short.sent, overdue_at=time.monotonic() + 0.1, overdue=ended.set),
    ):
        assert ended.wait(60)
