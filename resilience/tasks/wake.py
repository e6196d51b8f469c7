"""Wake-ups over django-q2: a hint that a task is due. Losing one costs a sweep, no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from resilience.statements import fetch

log = structlog.get_logger(__name__)

# As django-q2's own broker does it, but for many, and without waiting for the disk: a wake-up may be lost.
_WAKE = """
WITH said AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO django_q_ormq (key, payload, lock) SELECT %s, pack, statement_timestamp() FROM said, unnest(%s::text[]) AS pack
"""


def wake(queue: str, task_id: str) -> None:
    """Send a wake-up. Never raises: the sweep is the safety net."""
    from django_q.tasks import async_task

    try:
        async_task("resilience.tasks.runner.run_one", task_id, queue, cluster=queue, task_name=task_id)
    except Exception:
        log.warning("task.wake_failed", task_id=task_id, queue=queue, exc_info=True)


class _Collected:
    """Stands for django-q2's broker while wake-ups are packed: keeps them, to be sent together."""

    def __init__(self, queue: str) -> None:
        self.list_key = queue
        self.packs: list[str] = []

    def enqueue(self, pack: str) -> int:
        self.packs.append(pack)
        return len(self.packs)


def wake_many(queue: str, task_ids: Iterable[str]) -> None:
    """Send several wake-ups with one statement. Never raises, as `wake`."""
    from django_q.tasks import async_task

    collected: Any = _Collected(queue)
    try:
        for task_id in task_ids:
            async_task("resilience.tasks.runner.run_one", task_id, queue, cluster=queue, task_name=task_id, broker=collected)
        fetch(_WAKE, queue, collected.packs)
    except Exception:
        log.warning("task.wake_failed", queue=queue, count=len(collected.packs), exc_info=True)
