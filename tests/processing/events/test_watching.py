"""Operators see whether news comes in, how much of it is lost, and what is strange; old news is forgotten; a consumer ends when it is told to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from processing.events import consumer, prune, queues, watching
from processing.models import EngineEvent, EventQueue, RemoteOrphan
from resilience import recovery
from resilience.watching.readiness import State

from .conftest import MakeAttempt
from .test_consumer import Queue, queue  # noqa: F401

pytestmark = pytest.mark.django_db
URL = "http://127.0.0.1:5000/123456789012/events"


def ended(source: str, count: int) -> None:
    rows = [EngineEvent(event_id=f"{source}{number}", source=source, outcome="applied", news="COMPLETE", ended=True) for number in range(count)]
    EngineEvent.objects.bulk_create(rows)


def gauges() -> dict[tuple[str, ...], float]:
    return {(reading.name.removeprefix("holdfast_"), *reading.labels): reading.value for reading in watching.engine_events()}


def test_without_a_queue_all_is_well(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = []
    assert watching.reading().state is State.OK


def test_a_queue_nobody_reads_is_told_with_the_reason(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = [URL]
    assert "Nobody reads events" in watching.reading().said
    (found,) = queues.queues()
    consumer.note_read(found, error="", count=1)
    assert watching.reading().state is State.OK
    EventQueue.objects.update(read_at=Now() - timedelta(minutes=2), error="AccessDenied")
    health = watching.reading()
    assert health.state is State.DEGRADED
    assert "AccessDenied" in health.said


def test_news_that_is_lost_is_counted_and_told(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = [URL]
    consumer.note_read(queues.queues()[0], error="", count=0)
    ended("event", 98)
    ended("poll", 1)
    assert watching.reading().state is State.OK, "of few ends a share says nothing"
    EngineEvent.objects.filter(source="poll").delete()
    ended("poll", 2)
    assert gauges()["engine_events_lost_ratio",] == pytest.approx(0.02)
    assert gauges()["engine_ends", "poll"] == 2
    assert "2% of the ends" in watching.reading().said


def test_what_is_strange_and_what_nobody_knows_is_counted(db: None) -> None:
    EngineEvent.objects.create(event_id="m", outcome="malformed")
    for number, state in enumerate(["open", "open", "dismissed"]):
        RemoteOrphan.objects.create(engine="mediaconvert:eu-west-1", external_id=str(number), source="sweep", state=state)
    found = gauges()
    assert found["engine_events_strange", "malformed"] == 1
    assert found["engine_orphans", "mediaconvert:eu-west-1"] == 2


def test_dead_letters_are_counted_by_a_reaper(queue: Queue) -> None:  # noqa: F811
    queue.dead_letters.send(["one", "two"])
    assert prune.count_dead_letters(dry_run=True) == 2
    assert not EventQueue.objects.exists()
    assert (prune.count_dead_letters(), prune.count_dead_letters()) == (2, 0)
    assert gauges()["event_queue_dead", "events#eu-west-1"] == 2


def test_old_news_is_forgotten_and_how_far_jobs_were_after_a_day(settings: Any) -> None:
    settings.EVENT_KEEP_DAYS = 14
    for name, news, days in (("old", "COMPLETE", 15), ("kept", "COMPLETE", 13), ("progress", "STATUS_UPDATE", 1.1), ("new", "STATUS_UPDATE", 0.5)):
        EngineEvent.objects.create(event_id=name, news=news, outcome="applied", received_at=Now() - timedelta(days=days))
    for name, state in (("open", "open"), ("settled", "canceled")):
        RemoteOrphan.objects.create(engine="e", external_id=name, source="sweep", state=state, last_seen_at=Now() - timedelta(days=20))
    assert prune.prune_events(dry_run=True) == 3
    assert prune.prune_events() == 3
    assert set(EngineEvent.objects.values_list("event_id", flat=True)) == {"kept", "new"}
    assert RemoteOrphan.objects.get().external_id == "open"


def test_recover_begins_asking_and_looking_through(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(observed_at=Now() - timedelta(hours=1))
    options = recovery.Options(dry_run=True)
    assert recovery._STEPS["mediaconvert"](options).said == "1 jobs would be asked about, 1 regions looked through."
    assert recovery._STEPS["mediaconvert"](recovery.Options()).count == 1
    assert attempt.state == "submitted"


@pytest.fixture
def _signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals")
@pytest.mark.django_db(transaction=True)
def test_the_command_reads_until_it_is_told_to_stop(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)
    queue.send(["not an event"])
    really, told = consumer.note_read, threading.Lock()

    def note_read(*args: Any, **kwargs: Any) -> None:
        really(*args, **kwargs)
        if told.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(consumer, "note_read", note_read)
    call_command("consume_events", "--threads", "2", stdout=StringIO())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("events-")]
    assert EventQueue.objects.get().read_at is not None


def test_the_command_refuses_to_read_nothing(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = []
    with pytest.raises(CommandError, match="names no queue") as refused:
        call_command("consume_events")
    assert refused.value.returncode == 2
