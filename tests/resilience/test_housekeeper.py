"""Reapers by themselves: each once per interval and fleet, whatever another one does, with its result written down."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from resilience import reapers, reaping
from resilience.leases import Owner, this_place
from resilience.models import Reaper
from resilience.reapers import reaper
from resilience.tasks import housekeeper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of this test's own."""
    monkeypatch.setattr(reapers, "_REAPERS", {})


def make_due(name: str = "slow") -> None:
    Reaper.objects.filter(name=name).update(due_at=Now() - timedelta(seconds=1))


def no_work(*, dry_run: bool) -> int:
    return 0


def test_a_round_runs_every_reaper_that_is_due_also_after_one_that_fails() -> None:
    @reaper("first")
    def failing(*, dry_run: bool) -> int:
        raise OSError("disk")

    reaper("second", every=timedelta(hours=1))(lambda *, dry_run: 3)
    done = housekeeper.keep_house()
    assert done is not None
    assert [(part.name, part.count) for part in done] == [("first", 0), ("second", 3)]
    first, second = Reaper.objects.order_by("name")
    assert (first.error, first.failures, first.runs) == ("OSError: disk", 1, 1)
    assert (second.result, second.error, second.every, second.lease_until) == (3, "", timedelta(hours=1), None)
    assert second.ended_at is not None
    assert housekeeper.keep_house() == [], "nothing is due any more"


def test_one_that_failed_is_tried_again_before_its_interval_is_over() -> None:
    def failing(*, dry_run: bool) -> int:
        raise OSError("disk")

    reaper("daily", every=timedelta(days=1))(failing)
    waits = []
    for _ in range(3):
        make_due("daily")
        housekeeper.keep_house()
        row = Reaper.objects.get()
        waits.append(round((row.due_at - timezone.now()) / timedelta(minutes=1)))
    assert waits == [1, 2, 4]


def test_a_second_host_leaves_a_running_reaper_to_the_first_and_does_the_others() -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(*, dry_run: bool) -> int:
        inside.set()
        leave.wait(60)
        return 1

    reaper("slow")(slow)
    reaper("quick")(lambda *, dry_run: 2)
    answers: list[Any] = []

    def first() -> None:
        answers.append(housekeeper.keep_house())
        connection.close()

    worker = threading.Thread(target=first)
    worker.start()
    try:
        assert inside.wait(60)
        make_due()
        assert [part.name for part in housekeeper.keep_house()] == ["quick"]
    finally:
        leave.set()
        worker.join(60)
    assert [part.name for part in answers[0]] == ["slow"], "quick had been done by the other"
    assert Reaper.objects.get(name="slow").runs == 1


def test_the_reaper_of_a_killed_process_runs_again_at_once_and_its_late_end_changes_nothing() -> None:
    kind = reapers.ReaperKind("slow", no_work, every=timedelta(hours=1))
    reaper("slow", every=timedelta(hours=1))(no_work)
    reaping.announce()
    epoch = reaping._claim(kind, reaping._is_due())
    assert epoch == 1
    assert housekeeper.keep_house() == [], "its process lives"
    Reaper.objects.update(owner=str(Owner(this_place(), 2**22 - 3, "1")))
    assert [part.name for part in housekeeper.keep_house()] == ["slow"]
    reaping._write_down(kind, epoch, reaping.Part("slow", count=99))
    assert Reaper.objects.get().result == 0


def test_a_lease_that_is_over_lets_another_host_begin() -> None:
    reaper("slow", every=timedelta(days=1))(no_work)
    reaping.announce()
    Reaper.objects.update(owner="elsewhere/1/1", due_at=Now() + timedelta(days=1), lease_until=Now() + timedelta(minutes=1))
    assert housekeeper.keep_house() == []
    Reaper.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert len(housekeeper.keep_house()) == 1


def test_each_host_runs_its_own_of_a_reaper_of_local_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    reaper("work", per_host=True)(no_work)
    for host in ("host-a", "host-b"):
        monkeypatch.setattr(reapers.socket, "gethostname", lambda host=host: host)
        assert len(housekeeper.keep_house()) == 1
    assert set(Reaper.objects.values_list("name", flat=True)) == {"work@host-a", "work@host-b"}


def test_rows_of_hosts_that_are_no_more_are_forgotten_and_new_intervals_taken_over() -> None:
    Reaper.objects.create(name="work@gone", every=timedelta(minutes=1), due_at=timezone.now() - timedelta(days=8))
    Reaper.objects.create(name="work@resting", every=timedelta(minutes=1), due_at=timezone.now() - timedelta(days=6))
    Reaper.objects.create(name="slow", every=timedelta(minutes=1), runs=5)
    reaper("slow", every=timedelta(hours=2))(no_work)
    reaping.announce()
    assert set(Reaper.objects.values_list("name", "every", "runs")) == {("slow", timedelta(hours=2), 5), ("work@resting", timedelta(minutes=1), 0)}


def test_a_full_disk_makes_only_those_due_that_free_room() -> None:
    reaper("room", every=timedelta(days=1), frees_disk=True)(no_work)
    reaper("rows", every=timedelta(days=1))(no_work)
    assert len(housekeeper.keep_house()) == 2
    assert reaping.ask_for_room() == 1
    assert [part.name for part in housekeeper.keep_house()] == ["room"]


def test_the_thread_survives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    calls: list[int] = []
    stop = threading.Event()

    def away() -> None:
        calls.append(1)
        if len(calls) > 1:
            stop.set()
        raise OperationalError("away")

    monkeypatch.setattr(housekeeper, "keep_house", away)
    monkeypatch.setattr(housekeeper, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(housekeeper, "ROUND_SECONDS", 0.01)
    thread = housekeeper.Housekeeper(stop)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert len(calls) == 2
