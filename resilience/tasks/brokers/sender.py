"""Sends wake-ups to brokers on other machines, from one thread of the process: whoever puts work down goes on at once.

What waits is a number for each queue, not a list, so nothing grows while a broker is away. What a broker does not take is dropped: the sweep
finds the work, and workers without a broker ask the database.
"""

from __future__ import annotations

import os
import threading
import time
from multiprocessing.util import Finalize
from typing import Protocol

import structlog
from django.db import connections

from resilience.circuits import CircuitOpen, circuit

from .base import ENOUGH_WAITING
from .counted import FAILED, SENT

log = structlog.get_logger(__name__)

CIRCUIT = "task_broker"
IDLE_SECONDS = 1.0  # after which the thread gives its database connections back (the circuit's)
FAREWELL_SECONDS = 0.5  # what a process that ends still gives to what it has not sent


class Remote(Protocol):
    queue: str

    def send(self, count: int) -> None:
        """Hand `count` wake-ups to the broker, within TASK_BROKER_SECONDS. Raises whatever goes wrong."""
        ...


class Sender:
    """Start nothing before the first `put`; after a fork there is a fresh one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[Remote, int]] = {}
        self._thread: threading.Thread | None = None
        self._busy = False
        self._failing = False

    def put(self, broker: Remote, count: int) -> None:
        with self._changed:
            _broker, before = self._waiting.get(broker.queue, (broker, 0))
            self._waiting[broker.queue] = (broker, min(ENOUGH_WAITING, before + count))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
                # Of this process, a fork of multiprocessing's or not: a worker that is recycled has just woken the next one.
                Finalize(None, self.flush, (FAREWELL_SECONDS,), exitpriority=10)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything was tried. Return False when the time was too short."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._waiting or self._busy:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return False
        return True

    def _run(self) -> None:
        while True:
            for broker, count in self._next():
                self._send(broker, count)

    def _next(self) -> list[tuple[Remote, int]]:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while not self._waiting:
                if not self._changed.wait(IDLE_SECONDS):
                    connections.close_all()
            found, self._waiting, self._busy = list(self._waiting.values()), {}, True
        return found

    def _send(self, broker: Remote, count: int) -> None:
        try:
            circuit(CIRCUIT).call(broker.send, count)
        except CircuitOpen:
            FAILED.inc(count)
        except Exception as fault:  # noqa: BLE001 - the client's, whichever it is: none may end the thread
            FAILED.inc(count)
            if not self._failing:
                log.warning("task.wake_failed", queue=broker.queue, error=f"{type(fault).__name__}: {fault}"[:300])
            self._failing = True
        else:
            SENT.inc(count)
            self._failing = False


SENDER = Sender()


def _start_afresh() -> None:
    global SENDER
    SENDER = Sender()


os.register_at_fork(after_in_child=_start_afresh)
