"""Where time is waited: for a worker, for an engine, for the line of who uploads, for the database, for S3. Over the last hour, from bounded queries.

The newest rows only (NEWEST), under a statement timeout: on a table of millions it costs what it costs on a small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from resilience import fleet
from resilience.metrics import history
from resilience.tasks.policies import paused

log = structlog.get_logger(__name__)

STATEMENT_MILLISECONDS = 1_000
NOTICEABLE_SECONDS = 1.0  # each; less is nobody's concern
SHOWN = 8

_RUNS = """
SELECT t.kind, t.queue, count(*), sum(extract(epoch FROM r.started_at - t.run_at)),
       sum(extract(epoch FROM coalesce(r.ended_at, statement_timestamp()) - r.started_at))
FROM (SELECT task_id, started_at, ended_at FROM resilience_taskrun ORDER BY id DESC LIMIT 2000) r JOIN resilience_task t ON t.id = r.task_id
WHERE r.started_at > statement_timestamp() - interval '1 hour' AND t.run_at <= r.started_at GROUP BY 1, 2"""
_WAITING = """
SELECT kind, queue, count(*), sum(extract(epoch FROM statement_timestamp() - run_at))
FROM (SELECT kind, queue, run_at FROM resilience_task WHERE state IN ('pending', 'retry_wait') AND run_at <= statement_timestamp() LIMIT 5000) w
GROUP BY 1, 2"""
_BUSY = "SELECT queue, count(*) FROM resilience_task WHERE state = 'leased' GROUP BY 1"
_ENGINES = """
SELECT engine, count(*), sum(extract(epoch FROM coalesce(started_at, ended_at, statement_timestamp()) - created_at)),
       sum(extract(epoch FROM coalesce(ended_at, statement_timestamp()) - coalesce(started_at, ended_at, statement_timestamp())))
FROM (SELECT engine, created_at, started_at, ended_at FROM processing_attempt ORDER BY id DESC LIMIT 1000) a
WHERE created_at > statement_timestamp() - interval '1 hour' GROUP BY 1"""
_UPLOADS = """
SELECT count(*), sum(extract(epoch FROM received_at - created_at)), sum(length)
FROM (SELECT created_at, received_at, length FROM uploads_uploadsession ORDER BY id DESC LIMIT 1000) u
WHERE received_at > statement_timestamp() - interval '1 hour'"""


@dataclass(frozen=True, slots=True)
class Wait:
    """Time that was waited for one thing. `waited` and `worked` are seconds each; `total` seconds are what it is ranked by.

    Args:
        ours: whether anything of ours makes people wait; an upload waits for the line of who sends it.
    """

    what: str
    waited: float
    worked: float | None
    count: int
    advice: str
    ours: bool = True

    @property
    def total(self) -> float:
        return self.waited * self.count


@dataclass(frozen=True, slots=True)
class Bottlenecks:
    sentence: str
    waits: list[Wait]


def bottlenecks() -> Bottlenecks:
    """Return what is waited for most, first, and one sentence about the worst."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
            waits = [*_tasks(cursor), *_engines(cursor), *_uploads(cursor)]
    except DatabaseError as fault:
        log.warning("bottlenecks.not_read", error=str(fault)[:200])
        return Bottlenecks("What is waited for could not be read: the database is too busy to say.", [])
    waits = sorted([*waits, *_counted()], key=lambda wait: wait.total, reverse=True)
    worst = next((wait for wait in waits if wait.ours and wait.waited >= NOTICEABLE_SECONDS), None)
    sentence = f"Most waiting: {worst.what}, {in_words(worst.waited)} each; {worst.advice}" if worst else "Nothing waits for long."
    return Bottlenecks(sentence, [wait if wait.waited >= NOTICEABLE_SECONDS else replace(wait, advice="") for wait in waits[:SHOWN]])


def in_words(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _rows(cursor: Any, statement: str) -> list[Any]:
    cursor.execute(statement)
    return [tuple(float(value) if isinstance(value, Decimal | int) else value for value in row) for row in cursor]


def _tasks(cursor: Any) -> Iterator[Wait]:
    """Tasks wait for a worker: those that ran, until they began; those that are due, until now."""
    waited: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str], int] = {}
    worked: dict[tuple[str, str], float] = {}
    for kind, queue, count, seconds, run_seconds in _rows(cursor, _RUNS):
        waited[kind, queue], counts[kind, queue], worked[kind, queue] = seconds, int(count), run_seconds / count
    for kind, queue, count, seconds in _rows(cursor, _WAITING):
        waited[kind, queue] = waited.get((kind, queue), 0.0) + seconds
        counts[kind, queue] = counts.get((kind, queue), 0) + int(count)
    busy = {queue: int(count) for queue, count in _rows(cursor, _BUSY)}
    hosts = len(fleet.workers()) if counts else 0
    for (kind, queue), count in counts.items():
        yield Wait(f"{kind} for a worker", waited[kind, queue] / count, worked.get((kind, queue)), count, _for_a_worker(kind, queue, busy.get(queue, 0), hosts))


def _for_a_worker(kind: str, queue: str, busy: int, hosts: int) -> str:
    hold = paused(kind, queue)
    if hold is not None:
        return f"the {hold.scope} {hold.name} is paused → resume it."
    if not hosts:
        return "no worker is connected → start one."
    cluster = settings.Q_CLUSTER["ALT_CLUSTERS"].get(queue, settings.Q_CLUSTER)
    setting, hands = f"{'' if queue == 'default' else queue.upper() + '_'}WORKERS", cluster["workers"] * hosts
    said = f"{busy} of {hands} {queue} workers busy"
    return f"{said} → add workers ({setting})." if busy >= hands else f"{said} → hands are free: the waiting is over, or look at the worker's log."


def _engines(cursor: Any) -> Iterator[Wait]:
    for engine, count, waited, worked in _rows(cursor, _ENGINES):
        advice = "the engine's own queue is long → give it more capacity, or put another engine first (ENGINES)."
        yield Wait(f"conversions for the engine {engine}", waited / count, worked / count, int(count), advice)


def _uploads(cursor: Any) -> Iterator[Wait]:
    ((count, seconds, size),) = _rows(cursor, _UPLOADS)
    if count:
        speed = (size or 0.0) / max(seconds, 0.001) / 2**20
        yield Wait("uploads on their senders' lines", seconds / count, None, int(count), f"{speed:.1f} MiB/s each on average.", ours=False)


_COUNTED = {
    "holdfast_database_pool_wait_seconds": ("requests for a database connection", "all connections are in use → raise DATABASE_POOL, or look at slow queries."),
    "holdfast_s3_call_seconds": ("calls for S3", "S3 is slow, or far away → look at its circuit and region."),
    "holdfast_uploads_durable_seconds": ("uploads for the disk or store", "the store is slow → look at the disk."),
}


def _counted() -> Iterator[Wait]:
    """What this host's processes measured themselves, for it stands in no table."""
    history.note()
    for name, found in history.lately(list(_COUNTED)).items():
        what, advice = _COUNTED[name]
        if found.count:
            yield Wait(what, found.mean, None, int(found.count), advice)
