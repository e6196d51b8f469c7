"""Recovery by itself: once per fleet and round, whatever one part does."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from resilience import recovery
from resilience.tasks import housekeeper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict:
    only: dict = {}
    monkeypatch.setattr(recovery, "_PARTS", only)
    return only


def test_a_round_runs_every_part_also_after_one_that_fails(parts: dict) -> None:
    def failing(*, dry_run: bool) -> int:
        raise OSError("disk")

    parts |= {"first": failing, "second": lambda *, dry_run: 3}
    done = housekeeper.keep_house()
    assert done is not None
    assert [(part.name, part.count) for part in done] == [("first", 0), ("second", 3)]
    assert "disk" in done[0].error


def test_a_second_worker_leaves_the_round_to_the_first(parts: dict) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(*, dry_run: bool) -> int:
        inside.set()
        leave.wait(10)
        return 1

    parts["slow"] = slow
    answers: list = []

    def first() -> None:
        answers.append(housekeeper.keep_house())
        connection.close()

    worker = threading.Thread(target=first)
    worker.start()
    assert inside.wait(10)
    assert housekeeper.keep_house() is None
    leave.set()
    worker.join(10)
    assert answers[0] is not None
    assert housekeeper.keep_house() is not None, "the lock was given back"


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
    monkeypatch.setattr(housekeeper, "ROUND_SECONDS", 0.01)
    thread = housekeeper.Housekeeper(stop)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert len(calls) == 2
