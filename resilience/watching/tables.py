"""What this room's tables say at a scrape: how much waits and for how long, what was given up, which circuits let nothing through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q
from django.db.models.functions import Now

from resilience.metrics.tables import Reading, collector, table_gauge
from resilience.models import Circuit, Reaper, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import LIVE_STATES, WAITING_STATES, TaskState

QUEUE = table_gauge("holdfast_queue_tasks", "Tasks that wait or run, by queue and state.", ["queue", "state"])
QUEUE_AGE = table_gauge("holdfast_queue_oldest_seconds", "How long the oldest due task of a queue has waited for a worker.", ["queue"])
DEAD = table_gauge("holdfast_tasks_dead", "Tasks that were given up and wait for a decision, by kind.", ["kind"])
CIRCUIT = table_gauge("holdfast_circuit_state", "1 for the state a circuit is in, 0 for the others.", ["circuit", "state"])
REAPER_AGE = table_gauge("holdfast_reaper_last_run_seconds", "How long ago a reaper last came to its end.", ["reaper"])
REAPER_FAILURES = table_gauge("holdfast_reaper_failures", "How many times in a row a reaper has failed; 0 when it last went well.", ["reaper"])

MOST_ROWS = 200


def _ago(field: str) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(Now() - F(field), output_field=DurationField())


@collector("tasks")
def tasks() -> Iterable[Reading]:
    live = Task.objects.filter(state__in=LIVE_STATES).order_by().values("queue", "state")
    waited = Max(_ago("run_at"), filter=Q(state__in=WAITING_STATES, run_at__lte=Now()))
    oldest: dict[str, float] = {}
    for row in live.annotate(count=Count("pk"), waited=waited)[:MOST_ROWS]:
        yield QUEUE.reading(row["count"], row["queue"], row["state"])
        oldest[row["queue"]] = max(oldest.get(row["queue"], 0.0), row["waited"].total_seconds() if row["waited"] else 0.0)
    for queue, seconds in oldest.items():
        yield QUEUE_AGE.reading(seconds, queue)


@collector("dead_letters")
def dead_letters() -> Iterable[Reading]:
    dead = Task.objects.filter(state=TaskState.DEAD).order_by().values_list("kind")
    for kind, count in dead.annotate(count=Count("pk"))[:MOST_ROWS]:
        yield DEAD.reading(count, kind)


@collector("circuits")
def circuits() -> Iterable[Reading]:
    for name, state in Circuit.objects.order_by("name").values_list("name", "state")[:MOST_ROWS]:
        for each in CircuitState.values:
            yield CIRCUIT.reading(float(each == state), name, each)


@collector("reapers")
def reapers() -> Iterable[Reading]:
    for row in Reaper.objects.order_by("name").values("name", "failures", ago=_ago("ended_at"))[:MOST_ROWS]:
        yield REAPER_FAILURES.reading(row["failures"], row["name"])
        if row["ago"] is not None:
            yield REAPER_AGE.reading(row["ago"].total_seconds(), row["name"])
