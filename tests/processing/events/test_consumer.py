"""Messages are confirmed once their news is in the tables, and not before; what cannot be taken in ends in the dead letter queue."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError

from processing.events import consumer, queues
from processing.events.queues import Queue, QueueAway
from processing.models import Attempt, AttemptState, EngineEvent, EventQueue
from resilience.circuits import circuit
from tests.emulator import ACCOUNT
from tests.s3 import FakeS3

from .conftest import MakeAttempt
from .envelopes import message

pytestmark = pytest.mark.django_db
GO_ON = threading.Event()


@pytest.fixture
def queue(s3: FakeS3, settings: Any) -> Queue:
    """An empty queue that gives a message out twice, then moves it to its dead letter queue."""
    sqs = queues.client.made("sqs", region="eu-west-1", endpoint_url=s3.url)
    sqs.create_queue(QueueName="dead")
    redrive = f'{{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:{ACCOUNT}:dead", "maxReceiveCount": 2}}'
    sqs.create_queue(QueueName="events", Attributes={"RedrivePolicy": redrive})
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = [f"{s3.url}/{ACCOUNT}/events"]
    settings.MEDIACONVERT_EVENTS_DLQ_URLS = [f"{s3.url}/{ACCOUNT}/dead"]
    (found,) = queues.queues()
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for, and what was not confirmed is given out again at once."""
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)
    monkeypatch.setattr(queues, "HIDDEN_SECONDS", 0)
    monkeypatch.setattr(consumer, "AGAIN_SECONDS", 0)


def tell(queue: Queue, attempt: Attempt, status: str) -> None:
    queue.send([message(status, job_id=attempt.external_id, attempt_id=attempt.public_id)])


def read(queue: Queue) -> int:
    return consumer.read_once(queue, stop=GO_ON)


def test_news_is_taken_in_and_its_message_is_gone(queue: Queue, make_attempt: MakeAttempt) -> None:
    attempts = [make_attempt() for _ in range(12)]
    for attempt in attempts:
        tell(queue, attempt, "COMPLETE")
    assert read(queue) + read(queue) == 12
    assert Attempt.objects.filter(state=AttemptState.VERIFYING).count() == 12
    assert queue.count() == 0


def test_a_consumer_that_dies_before_it_confirms_has_the_message_come_again_to_no_effect(
    queue: Queue, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(queue, make_attempt(), "COMPLETE")

    def die(name: str) -> None:
        if name == "processing.events.before_delete":
            raise SystemExit

    with monkeypatch.context() as killed:
        killed.setattr(consumer, "point", die)
        with pytest.raises(SystemExit):
            read(queue)
    assert (EngineEvent.objects.count(), queue.count()) == (1, 1)
    read(queue)
    assert (EngineEvent.objects.count(), queue.count()) == (1, 0)


def test_while_the_database_is_away_messages_stay_where_they_are_and_use_up_no_delivery(
    queue: Queue, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(queue, make_attempt(), "COMPLETE")

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(consumer, "require_database", away)
        for _ in range(5):
            with pytest.raises(OperationalError):
                read(queue)
    with monkeypatch.context() as broken:
        broken.setattr(consumer, "take", away)
        with pytest.raises(OperationalError):
            read(queue)
    assert read(queue) == 1
    assert (queue.count(), queue.dead_letters.count()) == (0, 0)


def test_what_always_fails_goes_to_the_dead_letter_queue_and_keeps_nobody_from_the_others(
    queue: Queue, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, good = make_attempt(), make_attempt()
    really = consumer.take

    def take(text: str, *, message_id: str) -> str:
        if poison.public_id in text:
            raise ZeroDivisionError
        return really(text, message_id=message_id)

    monkeypatch.setattr(consumer, "take", take)
    tell(queue, poison, "COMPLETE")
    tell(queue, good, "COMPLETE")
    for _ in range(4):
        read(queue)
    good.refresh_from_db()
    assert good.state == AttemptState.VERIFYING
    assert (queue.count(), queue.dead_letters.count()) == (0, 1)


def test_what_cannot_be_read_is_not_delivered_for_ever(queue: Queue) -> None:
    queue.send(["not an event"])
    assert read(queue) == 1
    assert (queue.count(), queue.dead_letters.count()) == (0, 0)
    assert EngineEvent.objects.get().outcome == "malformed"


def test_told_to_stop_it_gives_back_what_it_has_not_begun(queue: Queue, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        tell(queue, make_attempt(), "COMPLETE")
    stop, really = threading.Event(), consumer.take

    def take(text: str, *, message_id: str) -> str:
        stop.set()
        return really(text, message_id=message_id)

    monkeypatch.setattr(consumer, "take", take)
    assert consumer.read_once(queue, stop=stop) == 3
    assert EngineEvent.objects.count() == 1
    assert queue.count() == 2


def test_without_sqs_nothing_breaks_and_the_row_says_why(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise QueueAway("EndpointConnectionError: nobody there")

    reader = consumer.Consumer(queue, GO_ON)
    with monkeypatch.context() as broken:
        broken.setattr(Queue, "_ask", away)
        reader._round()
    assert "nobody there" in EventQueue.objects.get().error
    assert reader._pause == consumer.PAUSE_SECONDS
    reader._noted_at = float("-inf")
    reader._round()
    row = EventQueue.objects.get()
    assert (row.error, reader._pause) == ("", 0.0)
    assert row.read_at is not None


def test_a_queue_that_is_not_there_is_away(queue: Queue) -> None:
    missing = Queue(f"{queue.url}-missing", queue.region)
    with pytest.raises(QueueAway, match="NonExistentQueue"):
        missing.receive()
    circuit("sqs").close()


def test_two_regions_have_two_queues_under_one_address(settings: Any) -> None:
    settings.MEDIACONVERT_REGIONS = ["eu-west-1", "eu-central-1"]
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = ["http://127.0.0.1:5000/123456789012/events"] * 2
    first, second = queues.queues()
    assert (first.region, second.region) == ("eu-west-1", "eu-central-1")
    assert first.name != second.name


def test_the_region_is_read_from_the_address_where_it_says_so(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = ["https://sqs.us-east-2.amazonaws.com/123456789012/events"]
    (queue,) = queues.queues()
    assert (queue.region, queues.endpoint_of(queue.url)) == ("us-east-2", "")
