"""What operators look at: tasks by state, dead letters by group, who holds what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Max, Min
from django.db.models.functions import Now

from resilience.models import Task
from resilience.models.tasks import LIVE_STATES, TaskState


@dataclass(frozen=True, slots=True)
class TaskCount:
    """`oldest` is when the oldest of these was enqueued; its age is the caller's to reckon."""

    kind: str
    queue: str
    state: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead letters that failed in the same way. `sample` is the newest of them."""

    fingerprint: str
    kinds: list[str]
    error_code: str
    count: int
    first_seen: datetime
    last_seen: datetime
    sample: Task


@dataclass(frozen=True, slots=True)
class Holder:
    """One worker process and what it holds. `beat_age` is how long ago its oldest lease was renewed, by the database's clock."""

    owner: str
    tasks: int
    since: datetime
    beat_age: timedelta


def task_counts(*, live_only: bool = False) -> list[TaskCount]:
    """Count tasks per kind, queue and state; `live_only` leaves out what has ended (and stays quick however long the history is)."""
    tasks = Task.objects.filter(state__in=(*LIVE_STATES, TaskState.DEAD)) if live_only else Task.objects.all()
    rows = tasks.values_list("kind", "queue", "state").annotate(count=Count("pk"), oldest=Min("created_at")).order_by("kind", "state")
    return [TaskCount(*row) for row in rows]


def overdue_count(*, by: timedelta) -> int:
    """Count tasks that have been due for longer than `by` and that nobody runs: not 0 means that no worker serves their queue."""
    return Task.objects.filter(state__in=(TaskState.PENDING, TaskState.RETRY_WAIT), run_at__lt=Now() - by).count()


def dead_letter_groups(*, limit: int = 50) -> list[DeadGroup]:
    """Return dead letters grouped by fingerprint, the largest group first."""
    groups = (
        Task.objects.filter(state=TaskState.DEAD)
        .values("error_fingerprint")
        .annotate(count=Count("pk"), kinds=ArrayAgg("kind", distinct=True), first=Min("finished_at"), last=Max("finished_at"))
        .order_by("-count", "error_fingerprint")[:limit]
    )
    found = list(groups)
    newest = Task.objects.filter(state=TaskState.DEAD, error_fingerprint__in=[group["error_fingerprint"] for group in found])
    samples = {task.error_fingerprint: task for task in newest.order_by("error_fingerprint", "-finished_at").distinct("error_fingerprint")}
    return list(_dead_groups(found, samples))


def _dead_groups(found: Iterable[Mapping[str, Any]], samples: dict[str, Task]) -> Iterator[DeadGroup]:
    for group in found:
        sample = samples.get(str(group["error_fingerprint"]))
        if sample is None:  # replayed between the two queries
            continue
        yield DeadGroup(sample.error_fingerprint, group["kinds"], sample.error_code, group["count"], group["first"], group["last"], sample)


def live_leases() -> list[Task]:
    """Return the tasks that are being run now, the longest held without a beat first."""
    return list(Task.objects.filter(state=TaskState.LEASED).order_by("heartbeat_at"))


def live_workers() -> list[Holder]:
    """Return the processes that hold leases. An idle worker holds none and is not seen here."""
    rows = (
        Task.objects.filter(state=TaskState.LEASED)
        .values("lease_owner")
        .annotate(tasks=Count("pk"), since=Min("heartbeat_at"), beat_age=Max(Now() - F("heartbeat_at")))
        .order_by("lease_owner")
    )
    return [Holder(row["lease_owner"], row["tasks"], row["since"], row["beat_age"]) for row in rows]
