"""What nobody works on is found, and what somebody works on is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from resilience import leases, recovery
from resilience.leases import Owner, is_gone, owner_of, this_owner
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import durable, enqueue, sweep
from resilience.tasks.claim import claim_task

pytestmark = pytest.mark.django_db

buried: list[str] = []


@durable("test.sweep", tries=1, on_dead=lambda task: buried.append(task.error_code))
def body(context) -> None: ...


@pytest.fixture(autouse=True)
def _forget():
    buried.clear()


@pytest.fixture
def somebody():
    """A process of ours that lives until the test ends it."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def leased(owner: str = "", **values) -> Task:
    task = enqueue("test.sweep", **values)
    claim_task(task.pk)
    if owner:
        Task.objects.filter(pk=task.pk).update(lease_owner=owner)
    return task


def expire(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


class TestOwners:
    def test_this_process_reads_back_as_itself_and_is_not_gone(self):
        owner = Owner.parse(this_owner())
        assert owner.pid == os.getpid()
        assert not is_gone(owner)
        assert len(this_owner()) <= 120

    def test_a_living_process_is_never_gone(self, somebody):
        assert not is_gone(owner_of(somebody.pid))

    def test_a_killed_one_is_gone_even_before_anybody_waited_for_it(self, somebody):
        owner = owner_of(somebody.pid)
        somebody.kill()
        os.waitid(os.P_PID, somebody.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and still lies there
        assert is_gone(owner)
        somebody.wait()
        assert is_gone(owner)

    def test_another_process_with_its_number_is_not_it(self, somebody):
        owner = owner_of(somebody.pid)
        assert is_gone(Owner(owner.place, owner.pid, "1"))

    @pytest.mark.parametrize("place", ["elsewhere:1:2", ""])
    def test_one_of_another_place_is_left_to_its_lease(self, place):
        assert not is_gone(Owner(place, 999_999_999, "1"))

    def test_one_we_may_not_look_at_is_not_gone(self, somebody, monkeypatch):
        owner = owner_of(somebody.pid)

        def refuse(*_args: object) -> None:
            raise PermissionError

        with monkeypatch.context() as patched:
            patched.setattr(leases.os, "kill", refuse)
            assert not is_gone(owner)

    def test_a_lease_in_another_form_has_no_owner(self):
        assert Owner.parse("somebody") is None


class TestLeases:
    def test_the_task_of_a_killed_process_is_taken_back_at_once(self, somebody):
        task = leased(str(owner_of(somebody.pid)))
        assert sweep.reap_gone() == 0
        somebody.kill()
        somebody.wait()
        assert sweep.reap_gone(dry_run=True) == 1
        assert sweep.reap_gone() == 1
        task.refresh_from_db()
        assert (task.state, task.crash_count, task.lease_owner) == (TaskState.RETRY_WAIT, 1, "")
        assert task.run_at < timezone.now() + timedelta(seconds=3)
        run = task.runs.get()
        assert (run.outcome, run.error_code) == (RunOutcome.CRASHED, "TASK_CRASHED")
        assert run.ended_at is not None

    def test_a_lease_that_is_still_good_is_left_alone(self):
        leased("elsewhere:1:2/77/99")
        assert sweep.reap_expired() == 0
        assert sweep.reap_gone() == 0

    def test_a_crash_spends_no_try(self):
        task = leased()  # the kind has one try
        expire(task)
        sweep.reap_expired()
        task.refresh_from_db()
        assert task.state == TaskState.RETRY_WAIT

    def test_three_crashes_are_poison_and_its_app_is_told(self):
        task = leased()
        for crashes in (1, 2, 3):
            expire(task)
            assert sweep.reap_expired() == 1
            task.refresh_from_db()
            assert task.crash_count == crashes
            Task.objects.filter(pk=task.pk).update(run_at=timezone.now())
            claim_task(task.pk)
        assert (task.state, task.error_code) == (TaskState.DEAD, "TASK_POISON")
        assert buried == ["TASK_POISON"]
        assert task.runs.count() == 3

    def test_what_we_stopped_ourselves_goes_back_without_a_crash(self):
        task = leased("here/1/2")
        leased("here/3/4")
        assert sweep.put_back_tasks_of({"here/1/2"}) == 1
        task.refresh_from_db()
        assert (task.state, task.attempt, task.crash_count) == (TaskState.PENDING, 0, 0)
        assert task.runs.get().outcome == RunOutcome.INTERRUPTED


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_no_more_than_one():
    tasks = [leased() for _ in range(10)]
    for task in tasks:
        expire(task)
    gate = threading.Barrier(3)
    done: list[int] = []

    def work() -> None:
        gate.wait()
        done.append(sweep.reap_expired() + sweep.reap_gone())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 10
    assert set(Task.objects.values_list("crash_count", flat=True)) == {1}
    assert TaskRun.objects.filter(outcome=RunOutcome.CRASHED).count() == 10


def test_recover_reaps_and_wakes(monkeypatch):
    task = leased()
    expire(task)
    counts = {part.name: part.count for part in recovery.run_all(dry_run=True)}
    assert counts["reap_leases"] == 1
    assert task.runs.get().outcome == ""
    counts = {part.name: part.count for part in recovery.run_all(dry_run=False)}
    assert counts["reap_leases"] == 1
    assert "send_wake_ups" in counts
