"""Wake-ups over django-q2: a hint that a task is due. Losing one costs a sweep, no more."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)


def wake(queue: str, task_id: str) -> None:
    """Send a wake-up. Never raises: the sweep is the safety net."""
    from django_q.tasks import async_task

    try:
        async_task("resilience.tasks.runner.run_one", task_id, queue, cluster=queue, task_name=task_id)
    except Exception:
        log.warning("task.wake_failed", task_id=task_id, queue=queue, exc_info=True)
