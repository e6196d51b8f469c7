"""What operators look at: dead letters, by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Min

from resilience.models import Task
from resilience.models.tasks import TaskState


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
