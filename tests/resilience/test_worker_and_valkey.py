"""Valkey as broker, killed with messages in it: in django-q2 alone they are lost for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django_q.conf import Conf

from resilience.tasks import brokers
from resilience.tasks.brokers import broker_of, sender
from resilience.tasks.brokers.sender import Sender
from tests import valkey
from tests.resilience.farm import Farm, Marks, counted, farming
from tests.resilience.worker import wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def server() -> Iterator[valkey.Valkey]:
    with valkey.running() as running:
        yield running


@pytest.fixture
def db() -> None:
    """In place of pytest-django's, as in test_crash_table.py."""


@pytest.fixture
def farm(db: None, server, django_db_setup, django_db_blocker, tmp_path: Path, monkeypatch, settings) -> Iterator[Farm]:
    monkeypatch.setattr(brokers, "_BROKERS", {})
    monkeypatch.setattr(sender, "SENDER", Sender())
    monkeypatch.setattr(Conf, "BROKER_CLASS", "resilience.tasks.brokers.valkey.ValkeyBroker")
    settings.TASK_BROKER_URL = server.url
    with farming(django_db_blocker, tmp_path, TASK_BROKER_URL=server.url, WORKER_RECYCLE="2") as farm:
        yield farm
        sender.SENDER.flush(30)


def test_it_is_killed_with_queued_work_and_nothing_is_lost(server: valkey.Valkey, farm: Farm, tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    marks.put(12, seconds=0.2)
    assert sender.SENDER.flush(30)
    assert broker_of("default").waiting() > 0
    worker = farm.well()
    wait_for(marks.busy, seconds=60, what="a worker is busy")
    server.kill()
    marks.put(4)  # nobody can be told of these
    marks.wait_until_done(worker)
    assert marks.runs() == len(marks.tasks)

    # Meanwhile each worker process was replaced after every second wake-up.
    wait_for(lambda: "recycled" in counted(worker), seconds=60, what="one was recycled")

    server.start()
    marks.put(2)
    marks.wait_until_done(worker)
    assert len(marks.ran()) == len(marks.tasks) == 18
