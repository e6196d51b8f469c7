"""What carries wake-ups: the database (LISTEN and NOTIFY), Valkey or Redis, or SQS, chosen by TASK_BROKER_URL.

A wake-up says "look, something is due", no more: our tables are the truth. So none of these must be reliable. One that loses a message costs
a sweep; one that is gone costs nothing but time, because workers then ask the database themselves; one that delivers thrice costs two looks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from .base import WakeUps

__all__ = ["broker_of", "package", "queues"]

_BROKERS: dict[str, WakeUps] = {}


def queues() -> list[str]:
    """Every queue a worker serves."""
    transport: dict[str, Any] = settings.Q_CLUSTER
    return [transport["name"], *transport["ALT_CLUSTERS"]]


def broker_of(queue: str) -> WakeUps:
    """Return this process's end of a queue's broker. Nothing is connected by it."""
    found = _BROKERS.get(queue)
    if found is None:
        from django_q.brokers import get_broker

        found = _BROKERS.setdefault(queue, get_broker(queue))
    return found


class _Kept:
    """Stands for django-q2's broker while a message is packed."""

    def __init__(self, queue: str) -> None:
        self.list_key = queue
        self.pack = ""

    def enqueue(self, pack: str) -> int:
        self.pack = pack
        return 0


@cache
def package(function: str, *arguments: str, queue: str) -> str:
    """Return the signed message that has a worker call `function(*arguments)`. All wake-ups of a queue are alike, so each is packed once."""
    from django_q.tasks import async_task

    kept: Any = _Kept(queue)
    async_task(function, *arguments, cluster=queue, task_name=function.rpartition(".")[2], broker=kept)
    return str(kept.pack)
