"""Draining: a host or the fleet begins nothing new, whatever restarts meanwhile, and goes on when told."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from resilience import draining
from resilience.draining import Scope, SystemUpdating
from resilience.models import FleetDrain, OperatorAction, Task
from resilience.models.tasks import TaskState
from resilience.tasks import durable, enqueue
from resilience.tasks.brokers import base, broker_of
from resilience.tasks.runner import run_one
from resilience.tasks.wake import wake
from resilience.tasks.watching import drained

pytestmark = pytest.mark.django_db


@durable("test.drained")
def body(context) -> None: ...


@pytest.fixture(autouse=True)
def _host_of_its_own(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(draining, "_seen", draining._Seen())


@pytest.mark.parametrize("scope", list(Scope))
def test_nothing_new_is_begun_until_it_ends(scope):
    assert draining.current() is None
    draining.refuse_new_work()
    draining.begin(scope, reason="an update")
    assert draining.current().reason == "an update"
    with pytest.raises(SystemUpdating) as refused:
        draining.refuse_new_work()
    assert refused.value.retry_after > 0
    assert draining.end(scope, reason="done")
    draining.refuse_new_work()
    assert not draining.end(scope, reason="again")


@pytest.mark.parametrize("scope", list(Scope))
def test_a_process_started_later_knows_it(scope, monkeypatch):
    draining.begin(scope, reason="an update")
    monkeypatch.setattr(draining, "_seen", draining._Seen())
    assert draining.current().scope is scope


@pytest.mark.parametrize("scope", list(Scope))
def test_beginning_twice_keeps_the_first_reason(scope):
    first = draining.begin(scope, reason="an update")
    assert draining.begin(scope, reason="another") == first


def test_a_host_drained_by_itself_says_nothing_of_others(settings, tmp_path):
    draining.begin(Scope.HOST, reason="new memory")
    settings.VAR_DIR = tmp_path / "another"
    draining.forget()
    assert draining.current() is None


def test_who_did_it_is_written_down(admin_user):
    draining.begin(Scope.FLEET, reason="an update", by=admin_user)
    draining.end(Scope.FLEET, reason="done")
    assert list(OperatorAction.objects.order_by("pk").values_list("action", "target", "actor")) == [
        ("drain.begin", "fleet", admin_user.pk),
        ("drain.end", "fleet", None),
    ]
    assert FleetDrain.objects.count() == 0


def test_a_file_that_cannot_be_read_counts(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "drain.json").write_text("{")
    assert "cannot be read" in draining.current().reason
    assert draining.end(Scope.HOST, reason="a half written file")
    assert draining.current() is None


def test_a_database_that_is_away_changes_nothing(monkeypatch):
    draining.begin(Scope.FLEET, reason="an update")
    assert draining.current() is not None

    def away():
        raise OperationalError("away")

    monkeypatch.setattr(draining, "of_fleet", away)
    draining.forget()
    assert draining.current().reason == "an update"


@pytest.mark.parametrize("scope", list(Scope))
def test_no_task_is_claimed_and_no_message_taken(scope, monkeypatch):
    monkeypatch.setattr(base.time, "sleep", lambda _seconds: None)
    enqueue("test.drained")
    wake("default")
    draining.begin(scope, reason="an update")
    run_one("", "default")
    assert Task.objects.get().state == TaskState.PENDING
    assert broker_of("default").dequeue() is None
    assert broker_of("default").waiting() == 1
    draining.end(scope, reason="done")
    assert len(broker_of("default").dequeue()) == 1


def test_a_drained_host_is_not_ready():
    assert not drained().said
    draining.begin(Scope.HOST, reason="an update")
    assert "an update" in drained().said
