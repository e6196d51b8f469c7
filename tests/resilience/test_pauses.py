"""A paused kind or queue is not begun by anybody, waits in its place, and goes on by itself when it is resumed or its time is over."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from resilience.circuits import control
from resilience.models import OperatorAction, Pause, Task
from resilience.models.tasks import WAITING_STATES, TaskState
from resilience.tasks import durable, enqueue, finish, lines, policies
from resilience.tasks.claim import claim_many, claim_next, claim_task, take_best_parameters
from resilience.tasks.due import something_is_due
from resilience.tasks.errors import NothingPaused, PauseAlreadyOver, PauseTargetUnknown
from resilience.tasks.pausing import live_pauses, names_of, pause, prune_pauses, resume, waiting
from resilience.tasks.runner import run_due, run_one
from resilience.tasks.wakeups import send_wake_ups
from tests.circuits import forget
from tests.factories import make_user

ran: list[str] = []


@durable("test.held")
def held(context, *, label: str = "held") -> None:
    ran.append(label)


@durable("test.free")
def free(context) -> None:
    ran.append("free")


@durable("test.films", queue="media")
def films(context) -> None:
    ran.append("film")


@durable("test.needs_a_dependency", needs=("test.dependency",))
def needs(context) -> None:
    ran.append("needs")


@pytest.fixture(autouse=True)
def _forget():
    ran.clear()


@pytest.mark.django_db
class TestPauses:
    def test_a_paused_kind_waits_pending_while_others_run(self):
        task = enqueue("test.held")
        enqueue("test.free")
        pause("kind", "test.held", by=None, reason="it hurts the disk")
        run_due()
        run_one(str(task.pk))
        assert ran == ["free"]
        task.refresh_from_db()
        assert (task.state, task.attempt, task.runs.count()) == (TaskState.PENDING, 0, 0)
        assert claim_task(task.pk) is None
        assert waiting("kind", "test.held") == 1

    def test_a_paused_queue_waits_while_others_run(self):
        enqueue("test.films")
        enqueue("test.free")
        pause("queue", "media", by=None, reason="no encoder")
        run_due()
        assert ran == ["free"]
        assert resume("queue", "media", by=None, reason="encoder is back") == 1
        run_due()
        assert ran == ["free", "film"]

    def test_nobody_is_woken_for_what_is_paused(self):
        enqueue("test.held")
        Task.objects.update(woken_at=None)
        pause("kind", "test.held", by=None, reason="later")
        assert not something_is_due("default")
        assert send_wake_ups() == 0
        resume("kind", "test.held", by=None, reason="now")
        assert something_is_due("default")
        assert send_wake_ups() == 1

    def test_a_pause_ends_by_itself(self):
        enqueue("test.held")
        pause("kind", "test.held", by=None, reason="for a moment", until=timezone.now() + timedelta(hours=1))
        assert claim_next("default") is None
        Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
        policies.forget()
        assert live_pauses() == []
        assert policies.paused("test.held", "default") is None
        assert claim_next("default") is not None
        assert prune_pauses(dry_run=True) == 1
        assert prune_pauses() == 1

    def test_it_says_who_why_and_until_when_and_is_on_the_audit_log(self, django_capture_on_commit_callbacks):
        person, until = make_user(staff=True), timezone.now() + timedelta(minutes=5)
        with django_capture_on_commit_callbacks(execute=True):
            pause("kind", "test.held", by=person, reason="maintenance", until=until)
        found = policies.paused("test.held", "default")
        assert (found.reason, found.by, found.until) == ("maintenance", person.email, until)
        assert policies.pauses() == [found]
        with django_capture_on_commit_callbacks(execute=True):
            resume("kind", "test.held", by=person, reason="done")
        assert policies.paused("test.held", "default") is None
        assert list(OperatorAction.objects.order_by("pk").values_list("action", "actor", "reason")) == [
            ("task.pause", person.pk, "maintenance"),
            ("task.resume", person.pk, "done"),
        ]

    def test_pausing_again_changes_reason_and_end(self):
        pause("kind", "test.held", by=None, reason="first", until=timezone.now() + timedelta(minutes=5))
        pause("kind", "test.held", by=None, reason="second")
        assert [(row.reason, row.until) for row in live_pauses()] == [("second", None)]

    def test_what_does_not_exist_or_is_over_is_refused(self):
        with pytest.raises(PauseTargetUnknown):
            pause("kind", "test.hold", by=None, reason="typo")
        with pytest.raises(PauseAlreadyOver):
            pause("kind", "test.held", by=None, reason="late", until=timezone.now() - timedelta(seconds=1))
        with pytest.raises(NothingPaused):
            resume("kind", "test.held", by=None, reason="it is not")
        assert not OperatorAction.objects.exists()

    def test_kinds_of_another_release_can_be_paused_while_tasks_of_them_wait(self):
        Task.objects.create(kind="test.from_another_release")
        assert "test.from_another_release" in names_of("kind")
        pause("kind", "test.from_another_release", by=None, reason="not deployed yet")
        assert claim_next("default") is None

    def test_the_best_of_several_lines_comes_first(self):
        now = timezone.now()
        for kind, priority, age in (("test.held", 50, 9), ("test.free", 10, 1), ("test.held", 10, 5), ("test.free", 50, 30)):
            enqueue(kind, priority=priority, run_at=now - timedelta(seconds=age))
        found = [(each.task.kind, each.task.priority) for each in claim_many("default", 10)]
        assert found == [("test.held", 10), ("test.free", 10), ("test.free", 50), ("test.held", 50)]


@pytest.mark.django_db
class TestRestingCircuits:
    def test_a_kind_whose_circuit_is_open_rests_and_nothing_is_spent(self):
        task = enqueue("test.needs_a_dependency")
        enqueue("test.free")
        control.force_open("test.dependency", by=None, reason="down")
        forget()
        run_due()
        assert ran == ["free"]
        task.refresh_from_db()
        assert (task.state, task.lease_epoch) == (TaskState.PENDING, 0)
        assert not something_is_due("default")
        control.reset("test.dependency", by=None, reason="back")
        forget()
        run_due()
        assert ran == ["free", "needs"]


@pytest.mark.django_db(transaction=True)
def test_no_claim_that_begins_after_a_pause_is_committed_gets_one_of_its_tasks():
    for number in range(60):
        enqueue("test.held", payload={"label": str(number)})
    is_paused = threading.Event()
    claimed_late: list[object] = []
    begun: list[object] = []

    def work() -> None:
        try:
            while True:
                late = is_paused.is_set()  # asked before the claim is sent
                found = claim_next("default")
                if found is None:
                    return
                (claimed_late if late else begun).append(found)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    with transaction.atomic():
        pause("kind", "test.held", by=None, reason="while they claim")
    is_paused.set()
    for thread in threads:
        thread.join()
    assert claimed_late == []
    assert Task.objects.filter(state=TaskState.LEASED).count() == len(begun)
    assert Task.objects.filter(state=TaskState.PENDING).count() == 60 - len(begun)


@pytest.mark.django_db
def test_the_states_a_statement_leaves_out_are_all_there_are_but_those_it_means():
    for words, meant in ((lines.STILL_WAITING, WAITING_STATES), (lines.STILL_LEASED, (TaskState.LEASED,))):
        assert {state for state in TaskState.values if f"'{state}'" not in words} == set(meant)


@pytest.mark.django_db(transaction=True)
def test_rows_asked_for_by_id_are_found_by_their_id():
    """A plan that is kept from when the table was empty must not walk everything that waits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        run = (uuid.uuid4(), 1)
        cursor.execute(f"EXPLAIN {finish._SUCCEED_AND_TAKE}", [*run, *run, *take_best_parameters("default", most=1), *run])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    held, rest = plan.split("CTE closed")
    assert "task_lease_expiry" not in held
    picked = rest.split("CTE picked")[1].split("CTE taken")[0].split("LockRows")[1]
    assert "task_line" not in picked
