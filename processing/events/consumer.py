"""Fetch news from a queue and take it in, until told to stop. Any number of consumers may read the same queue.

1. Look whether the database answers: while it is away nothing is fetched, so that no message uses up its deliveries.
2. Fetch up to ten messages; SQS hides them from others for a minute.
3. Take each in, in transactions of its own (`take`). 4. Only then confirm them. Whoever dies before 4 leaves messages that come again.

What cannot be taken in is not confirmed: it comes again, and after its last delivery SQS moves it to the dead letter queue.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.db import connection
from django.db.models.functions import Now

from processing.engines.base import EngineFailure
from processing.events.models import EventQueue
from processing.events.queues import Message, Queue, QueueAway
from processing.events.take import take
from processing.services.run import drop_connection
from resilience.circuits import CircuitOpen
from resilience.faults import point
from resilience.http.translate import DATABASE_DOWN
from resilience.leases import this_owner
from resilience.metrics import counter

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0  # after something was away; doubled while it stays so
LONGEST_PAUSE_SECONDS = 30.0
NOTE_SECONDS = 10.0  # between two notes that the queue is read
AGAIN_SECONDS = 5  # until a message that was not tried is given out again
AWAY = (QueueAway, CircuitOpen, *DATABASE_DOWN)

MESSAGES = counter("holdfast_engine_event_messages_total", "Messages fetched from the queues of news, by what came of them.", ["result"])


class Consumer(threading.Thread):
    """Reads one queue on a thread of its own, until `stop` is set and what it has begun is done."""

    def __init__(self, queue: Queue, stop: threading.Event) -> None:
        super().__init__(name=f"events-{queue.region}", daemon=True)
        self._queue = queue
        self._stop_event = stop
        self._pause = 0.0
        self._noted_at = float("-inf")

    def run(self) -> None:
        while not self._stop_event.wait(self._pause):
            try:
                self._round()
            except Exception:  # one bad round must not end the thread
                log.exception("events.round_failed", queue=self._queue.name)
                self._rest()
        connection.close()

    def _round(self) -> None:
        try:
            count = read_once(self._queue, stop=self._stop_event)
            self._pause = 0.0
            self._note(error="", count=count)
        except AWAY as away:
            self._rest()
            log.warning("events.away", queue=self._queue.name, error=f"{type(away).__name__}: {away}"[:200], pause=self._pause)
            if not isinstance(away, DATABASE_DOWN):
                self._note(error=f"{type(away).__name__}: {away}"[:300], count=0)

    def _rest(self) -> None:
        drop_connection()
        self._pause = min(LONGEST_PAUSE_SECONDS, max(PAUSE_SECONDS, self._pause * 2))

    def _note(self, *, error: str, count: int) -> None:
        if time.monotonic() - self._noted_at >= NOTE_SECONDS:
            note_read(self._queue, error=error, count=count)
            self._noted_at = time.monotonic()


def read_once(queue: Queue, *, stop: threading.Event) -> int:
    """Fetch a few messages, take them in and confirm them. Return how many were fetched.

    Raises:
        one of AWAY: nothing is lost; what was not confirmed comes again.
    """
    require_database()
    left = queue.receive()
    count, done = len(left), []
    try:
        while left and not stop.is_set():
            if _take(left[0]):
                done.append(left[0])
            left.pop(0)
    finally:
        point("processing.events.before_delete")
        queue.delete(done)
        queue.show_again(left, in_seconds=AGAIN_SECONDS)
    return count


def require_database() -> None:
    """Raises: one of DATABASE_DOWN."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _take(message: Message) -> bool:
    """Take one in. False when it is to come again.

    Raises:
        one of DATABASE_DOWN: the others would fare no better.
    """
    try:
        result = take(message.body, message_id=message.message_id)
    except DATABASE_DOWN:
        raise
    except (EngineFailure, CircuitOpen) as away:  # two jobs of one attempt could not be compared just now
        log.info("events.message_waits", message=message.message_id, error=str(away))
        MESSAGES.labels("waits").inc()
        return False
    except Exception:  # a message that always fails ends in the dead letter queue, and keeps nobody from the others
        log.exception("events.message_failed", message=message.message_id, times=message.times)
        MESSAGES.labels("failed").inc()
        return False
    MESSAGES.labels(result).inc()
    return True


def note_read(queue: Queue, *, error: str, count: int) -> None:
    """Write down that a queue was asked just now, and what it answered."""
    EventQueue.objects.bulk_create([EventQueue(address=queue.name)], ignore_conflicts=True)
    seen: dict[str, Any] = {"error": error} if error else {"error": "", "read_at": Now(), "read_by": this_owner()}
    EventQueue.objects.filter(address=queue.name).update(**seen, **({"event_at": Now()} if count else {}))
