"""Readiness: time limits, one question at a time, degraded apart from not ready; and each dependency gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from resilience.database import PoolFull
from resilience.fleet import WorkerHost
from resilience.models import Circuit, Task
from resilience.models.policies import PauseScope
from resilience.tasks import figures
from resilience.tasks.policies import Paused
from resilience.watching import checks
from resilience.watching import readiness as module
from resilience.watching.readiness import Health, State, current, degraded, ok, readiness, unavailable


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No checks but those a test registers, and no memory of answers."""
    monkeypatch.setattr(module, "_CHECKS", {})
    module.forget()
    yield
    module.forget()


def test_a_process_without_a_critical_part_is_not_ready() -> None:
    readiness("one", critical=True)(lambda: unavailable("gone"))
    readiness("two", critical=False)(ok)
    assert (current().ready, current().state, current().state_of("one")) == (False, State.UNAVAILABLE, State.UNAVAILABLE)


@pytest.mark.parametrize("answer", [degraded("slow"), unavailable("gone")], ids=["degraded", "unavailable"])
def test_a_process_without_another_part_is_ready_and_degraded(answer: Health) -> None:
    readiness("one", critical=True)(ok)
    readiness("two", critical=False)(lambda: answer)
    assert (current().ready, current().state) == (True, State.DEGRADED)


def test_a_critical_part_that_is_only_degraded_keeps_it_ready() -> None:
    readiness("one", critical=True)(lambda: degraded("slow"))
    assert (current().ready, current().state) == (True, State.DEGRADED)


def test_what_a_check_raises_is_its_answer() -> None:
    @readiness("one", critical=True)
    def one() -> Health:
        raise OSError("no route\nto host")

    assert current().parts[0].health == unavailable("OSError: no route to host")


def test_one_that_hangs_is_reported_waited_for_once_and_not_asked_again_until_it_comes_back() -> None:
    asked, go_on = [], threading.Event()

    @readiness("one", critical=False, seconds=0.05, every=0.0)
    def one() -> Health:
        asked.append(threading.current_thread())
        go_on.wait(60)
        return ok()

    try:
        first = current(fresh_seconds=0.0)
        assert first.parts[0].health.state is State.UNAVAILABLE
        assert "No answer" in first.parts[0].health.said
        for _ in range(5):
            assert current(fresh_seconds=0.0).state is State.DEGRADED
        assert len(asked) == 1
    finally:
        go_on.set()
    asked[0].join(60)
    assert current(fresh_seconds=0.0).state is State.OK


def test_an_answer_is_good_for_a_while_and_while_one_asks_others_take_it() -> None:
    asked, at_work, go_on = [], threading.Event(), threading.Event()

    @readiness("one", critical=True, seconds=60, every=0.0)
    def one() -> Health:
        asked.append(1)
        if len(asked) == 2:
            at_work.set()
            go_on.wait(60)
        return ok()

    assert current() is current()
    assert len(asked) == 1
    module._last.until = 0.0
    asking = threading.Thread(target=current)
    asking.start()
    at_work.wait(60)
    assert current().ready, "does not wait for the one who asks"
    go_on.set()
    asking.join(60)
    assert len(asked) == 2


def test_two_checks_do_not_share_a_name() -> None:
    readiness("one", critical=True)(ok)
    with pytest.raises(ValueError, match="Two readiness checks"):
        readiness("one", critical=True)(checks.worker)


# each dependency gone


class Away:
    settings_dict = {"NAME": "away"}

    def cursor(self) -> Any:
        raise OperationalError("connection refused")


def test_without_the_database_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "connection", Away())
    readiness("database", critical=True)(checks.database)
    assert not current().ready
    assert "connection refused" in current().parts[0].health.said


def test_a_process_whose_connections_are_all_in_use_is_degraded_not_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Away):
        def cursor(self) -> Any:
            raise PoolFull("all in use")

    monkeypatch.setattr(checks, "connection", Full())
    readiness("database", critical=True)(checks.database)
    assert current().state is State.DEGRADED
    assert checks.POOL_SECONDS > 3, "else it would be taken for one that hangs"


@pytest.mark.django_db
def test_with_tables_of_another_release_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_applied", set())

    class Behind:
        class loader:
            class graph:
                leaf_nodes = staticmethod(list)

        def __init__(self, _connection: Any) -> None: ...

        def migration_plan(self, _leaves: Any) -> list[Any]:
            return [("a", False), ("b", False)]

    monkeypatch.setattr(checks, "MigrationExecutor", Behind)
    assert checks.migrations().state is State.UNAVAILABLE
    monkeypatch.undo()
    assert checks.migrations().state is State.OK


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    now = timezone.now()
    monkeypatch.setattr(checks.fleet, "workers", lambda: [WorkerHost("this machine", 1, now, now)])
    Task.objects.all().delete()


@pytest.mark.django_db
def test_a_worker_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.fleet, "workers", list)
    assert checks.worker().state is State.UNAVAILABLE


@pytest.mark.django_db
@pytest.mark.usefixtures("one_worker")
def test_a_worker_must_keep_up_with_what_is_not_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.worker().state is State.OK
    late = Task.objects.create(kind="test.late", queue="media", run_at=timezone.now() - timedelta(minutes=3))
    assert checks.worker() == degraded("Tasks wait for more than 2 minutes: media.")
    for scope, name in ((PauseScope.QUEUE, "media"), (PauseScope.KIND, late.kind)):
        monkeypatch.setattr(checks, "pauses", lambda scope=scope, name=name: [Paused(scope, name, "", "", timezone.now(), None)])
        assert checks.worker().state is State.OK


@pytest.mark.django_db
@pytest.mark.usefixtures("one_worker")
def test_canaries_must_come_through() -> None:
    age = figures._CANARY
    age.labels("media").set(59)
    assert checks.worker().state is State.OK
    age.labels("media").set(61)
    assert checks.worker() == degraded("No canary comes through the workers of this host: media.")


@pytest.mark.django_db
def test_a_circuit_that_lets_nothing_through_degrades() -> None:
    assert checks.circuits().state is State.OK
    Circuit.objects.create(name="mail", state="open", last_error="SMTPConnectError: refused")
    assert checks.circuits() == degraded("Open: mail (SMTPConnectError: refused).")
