"""Calls to one dependency at once are bounded: the next one is refused, or waits a little, and never for ever."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from resilience import bulkheads
from resilience.bulkheads import Bulkhead, DependencyBusy, bulkhead
from resilience.circuits import CircuitOpen
from resilience.metrics import current
from resilience.tasks.failure import describe


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkheads, "_BULKHEADS", {})
    monkeypatch.setattr(bulkheads, "_PATIENCE", {})


def test_one_too_many_is_refused_at_once_and_a_place_given_back_is_taken_again() -> None:
    places = Bulkhead("slow", limit=2)
    before = current("holdfast_bulkhead_refusals_total", dependency="slow")
    with places.held(), places.held():
        assert places.in_flight == 2
        with pytest.raises(DependencyBusy) as refused, places.held():
            pytest.fail("a third call was let in")
    assert refused.value.retry_after == bulkheads.RETRY_AFTER_SECONDS
    assert (refused.value.code, refused.value.fields) == ("DEPENDENCY_BUSY", {"circuit": "slow", "limit": 2})
    assert current("holdfast_bulkhead_refusals_total", dependency="slow") == before + 1
    with places.held():
        assert places.in_flight == 1


def test_a_call_that_fails_gives_its_place_back() -> None:
    places = Bulkhead("broken", limit=1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), places.held():
            raise OSError("gone")
    assert places.in_flight == 0


def test_who_may_wait_gets_the_place_that_becomes_free() -> None:
    places = Bulkhead("patient", limit=1, patience=60)
    got: list[bool] = []

    def second() -> None:
        with places.held():
            got.append(True)

    held = places.enter()
    waiting = threading.Thread(target=second)
    waiting.start()
    assert not got
    places.leave(held)
    waiting.join(60)
    assert got == [True]


def test_waiting_ends_and_no_more_wait_than_there_are_places() -> None:
    places = Bulkhead("hanging", limit=1, patience=0.05)
    with places.held():
        with pytest.raises(DependencyBusy), places.held():
            pytest.fail("let in")
        taken = places._waiting.get_nowait()  # somebody waits already
        places.patience = 3600
        with pytest.raises(DependencyBusy), places.held():
            pytest.fail("waited in a line without end")
        places._waiting.put(taken)


def test_for_a_task_it_is_a_wait_that_spends_no_try() -> None:
    busy = DependencyBusy(circuit="s3", limit=30)
    assert isinstance(busy, CircuitOpen), "whoever handles an open circuit handles this"
    assert describe(busy).snooze == bulkheads.RETRY_AFTER_SECONDS


def test_limits_come_from_settings_with_one_of_their_own_where_wanted(settings: Any) -> None:
    settings.BULKHEAD_LIMIT, settings.BULKHEAD_LIMITS = 30, {"s3": 4}
    bulkheads.patient("s3", seconds=1.5)
    assert (bulkhead("s3").limit, bulkhead("s3").patience, bulkhead("mail").limit, bulkhead("mail").patience) == (4, 1.5, 30, 0.0)
    with bulkhead("s3").held():
        assert bulkheads.in_flight() == {"mail": (0, 30), "s3": (1, 4)}


def test_a_child_does_not_inherit_what_threads_of_its_parent_hold() -> None:
    with bulkhead("forked").held():
        child = os.fork()
        if child == 0:
            os._exit(bulkhead("forked").in_flight)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert bulkhead("forked").in_flight == 1
