"""What is counted of tasks, beside what the tables say (resilience.watching.tables): counted once it is committed, by who committed it."""

from __future__ import annotations

from collections.abc import Iterable

from resilience.metrics import counter, histogram
from resilience.metrics.tables import Reading, collector, table_gauge

from .decision import Bury, Decision, RetryIn

RUNS = counter("holdfast_tasks_runs_total", "Runs that ended, by kind of task and how they ended.", ["kind", "outcome"])
SECONDS = histogram("holdfast_tasks_run_seconds", "How long the bodies of tasks ran.", ["kind"])
RETRIES = counter("holdfast_tasks_retries_total", "Tries that were put off to later after a failure.", ["kind"])
BURIED = counter("holdfast_tasks_buried_total", "Tasks that became dead letters.", ["kind", "code"])
PAUSED = table_gauge("holdfast_tasks_paused", "Tasks that wait because their kind or queue is paused.", ["scope", "name"])


def ended(kind: str, outcome: str) -> None:
    RUNS.labels(kind, outcome).inc()


def went_on(kind: str, decision: Decision, code: str) -> None:
    """Count what was decided after a run that did not succeed."""
    match decision:
        case RetryIn():
            RETRIES.labels(kind).inc()
        case Bury():
            BURIED.labels(kind, code).inc()


@collector("pauses")
def pauses() -> Iterable[Reading]:
    from .pausing import live_pauses, waiting  # needs the app registry

    for pause in live_pauses()[:50]:
        yield PAUSED.reading(waiting(pause.scope, pause.name), pause.scope, pause.name)
