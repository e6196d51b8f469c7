"""What our brokers have in common: how a message is taken, and what happens while it cannot be."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from resilience import draining

from . import package

if TYPE_CHECKING:
    from resilience.tasks.pulse import Pulse

log = structlog.get_logger(__name__)

WAKE_UP = "resilience.tasks.runner.run_one"
ENOUGH_WAITING = 20  # messages of a queue beyond which none is added: a woken worker goes on by itself
DRAINED_PAUSE_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 5.0

Message = tuple[Any, str]  # what acknowledges it (None: nothing does), and the package


class WakeUps(Protocol):
    """What the rest of the house asks of a broker."""

    pulse: Pulse | None

    def wake(self, count: int = 1) -> None:
        """Send wake-ups. Never waits for another machine. May raise: `resilience.tasks.wake` says it once and for all."""
        ...

    def waiting(self) -> int:
        """Return how many wake-ups nobody took. Asks the broker."""
        ...

    def oldest_age(self) -> float:
        """Return how long, in seconds, the oldest wake-up nobody took has waited; 0 without one, or where the broker does not say."""
        ...

    def drop_stale(self, *, dry_run: bool) -> int:
        """Forget wake-ups of all queues that somebody took long ago and never acknowledged. Return how many."""
        ...


class Calm(ABC):
    """The half of django-q2's broker that must not fail: its callers are the cluster's own processes, which would end.

    A subclass says how to `take` messages and how to `confirm` one, and which exceptions mean that it is away. While it is, the database is
    asked what is due: a worker without a broker is slower to hear of work, not out of work.
    """

    list_key: str
    pulse: Pulse | None = None
    away: tuple[type[BaseException], ...] = (DatabaseFault,)
    _pause = 0.0

    @property
    def wake_up(self) -> str:
        return package(WAKE_UP, "", self.queue, queue=self.queue)

    @property
    def queue(self) -> str:
        return self.list_key

    @abstractmethod
    def take(self) -> list[Message]:
        """Return messages, after waiting for some for a while."""

    @abstractmethod
    def confirm(self, handle: Any) -> None:
        """Tell the broker that a message was taken care of."""

    def dequeue(self) -> list[Message] | None:
        """For the pusher, again and again: the cluster's own pulse first, then messages. Takes a few seconds at most."""
        if self.pulse is not None and (beat := self.pulse.take()):
            return [beat]
        if draining.current() is not None:
            time.sleep(DRAINED_PAUSE_SECONDS)  # what waits is for hosts that are at work
            return None
        try:
            found = self.take()
        except self.away as fault:
            return self._without_broker(fault)
        if self._pause:
            log.info("broker.back", queue=self.queue)
        self._pause = 0.0
        return found or None

    def _without_broker(self, fault: BaseException) -> list[Message] | None:
        if not self._pause:
            log.warning("broker.away", queue=self.queue, error=f"{type(fault).__name__}: {fault}"[:300])
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2) or FIRST_PAUSE_SECONDS
        # Looked for in every second of the pause, because this is what work waits for now.
        for _second in range(round(self._pause)):
            if found := self._due():
                return found
            time.sleep(1.0)
        return None

    def _due(self) -> list[Message]:
        """Return a wake-up of our own when the tables say that something is due."""
        from resilience.tasks.due import something_is_due

        try:
            return [(None, self.wake_up)] if something_is_due(self.queue) else []
        except DatabaseFault:
            connection.close()
            return []

    def acknowledge(self, handle: Any) -> None:
        if self.pulse is not None and self.pulse.acknowledge(handle):
            return
        try:
            self.confirm(handle)
        except self.away as fault:
            log.info("broker.not_acknowledged", queue=self.queue, error=type(fault).__name__)

    def fail(self, handle: Any) -> None:
        """For a message that cannot be read."""
        self.acknowledge(handle)

    def ping(self) -> bool:
        return True  # a cluster starts without its broker too

    def set_stat(self, *_arguments: Any) -> None:  # noqa: B027 - nothing is what it does
        """Nobody reads django-q2's statistics, and the cache they would be written to may be away."""

    def get_stat(self, *_arguments: Any) -> None:
        return None

    def get_stats(self, *_arguments: Any) -> list[Any]:
        return []
