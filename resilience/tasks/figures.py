"""What the machinery below tasks counts about itself. What tasks themselves do stands in their tables."""

from __future__ import annotations

from typing import Any

from resilience.metrics import counter, gauge

CLUSTERS_REPLACED = counter(
    "holdfast_tasks_clusters_replaced_total", "Groups of worker processes that were ended and started again, by what was wrong with them.", ["queue", "health"]
)
_REPLACED = counter("holdfast_tasks_processes_replaced_total", "Processes of such a group that ended and were replaced.", ["queue", "role", "why"])
_PROCESSES = gauge("holdfast_tasks_processes_alive", "Processes that run tasks or carry their messages.", ["queue", "role"])
_BUSY = gauge("holdfast_tasks_workers_busy", "Worker processes that run a task right now.", ["queue"])
_CANARY = gauge("holdfast_tasks_canary_age_seconds", "How long no canary has come through a group while one was out.", ["queue"], across="max")

RECYCLED = -2  # what django-q2's worker leaves in its timer when it ends because it has worked, or holds, enough


def look(queue: str, sentinel: Any, *, canary_age: float) -> None:
    """Note what a sentinel sees of its cluster."""
    _PROCESSES.labels(queue, "worker").set(sum(worker.is_alive() for worker in sentinel.pool))
    for role in ("monitor", "pusher"):
        process = getattr(sentinel, role)
        _PROCESSES.labels(queue, role).set(int(process is not None and process.is_alive()))
    _BUSY.labels(queue).set(sum(worker.timer.value > 0 for worker in sentinel.pool))
    _CANARY.labels(queue).set(canary_age)


def replaced(queue: str, process: Any, *, role: str) -> None:
    """Count a process that is about to be replaced."""
    _REPLACED.labels(queue, role, _why(process)).inc()


def _why(process: Any) -> str:
    timer = getattr(process, "timer", None)  # workers have one
    if timer is not None and int(timer.value) == RECYCLED:
        return "recycled"
    return "killed" if (process.exitcode or 0) < 0 else "ended"
