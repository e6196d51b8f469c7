"""Wake-ups through Valkey or Redis: a list for each queue. What a worker has taken is gone from it, so a killed one loses it: a sweep's time."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings
from django_q.brokers import Broker
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import sender
from .base import ENOUGH_WAITING, Calm, Message

TAKE_SECONDS = 1


class ValkeyBroker(Calm, Redis):  # type: ignore[misc]
    """django-q2's list, under a name of this installation's, with limits on time. Nothing is connected before it is used."""

    away = (redis.RedisError, OSError)

    def __init__(self, list_key: str | None = None) -> None:
        self._queue = list_key or Conf.CLUSTER_NAME
        self._patient: Any = None
        Broker.__init__(self, f"{settings.TASK_BROKER_PREFIX}{self._queue}")

    @property
    def queue(self) -> str:
        return str(self._queue)

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        return _client(settings.TASK_BROKER_SECONDS)

    def wake(self, count: int = 1) -> None:
        sender.SENDER.put(self, count)

    def send(self, count: int) -> None:
        room = ENOUGH_WAITING - self.waiting()
        if room > 0:
            self.connection.rpush(self.list_key, *[self.wake_up] * min(room, count))

    def take(self) -> list[Message]:
        if self._patient is None:
            self._patient = _client(settings.TASK_BROKER_SECONDS + TAKE_SECONDS)
        found = self._patient.blpop([self.list_key], timeout=TAKE_SECONDS)
        return [(None, found[1].decode())] if found else []

    def confirm(self, handle: Any) -> None:
        """Nothing to confirm: what was taken is gone."""

    def waiting(self) -> int:
        return int(self.connection.llen(self.list_key))

    def oldest_age(self) -> float:
        return 0.0  # a list knows no times

    def drop_stale(self, *, dry_run: bool) -> int:
        return 0  # nothing is kept for anybody


def _client(seconds: float) -> Any:
    """Return a client whose calls take no longer than that, twice when a connection turns out to be dead."""
    again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(settings.TASK_BROKER_URL, socket_connect_timeout=seconds, socket_timeout=seconds, retry=again)
