"""Gauges read from the tables when somebody scrapes. Each room registers its own, in a module named `watching` that its AppConfig imports:

    DEPTH = table_gauge("holdfast_queue_tasks", "Tasks that wait or run.", ["queue", "state"])

    @collector("tasks")
    def tasks() -> Iterable[Reading]:
        yield DEPTH.reading(5, "default", "pending")

A scrape must never hurt: one process reads at most every CACHE_SECONDS (and for no more than a twentieth of the time, however slow the tables are),
one thread at a time, each collector under a statement timeout. What could not be read is left out and named by `holdfast_collector_up`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from resilience.naming import require_sole

log = structlog.get_logger(__name__)

CACHE_SECONDS = 5.0
SHARE_OF_TIME = 20  # the next reading comes no sooner than this many times as long as the last one took
STATEMENT_MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    name: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class TableGauge:
    name: str
    help: str
    labels: tuple[str, ...]

    def reading(self, value: float, *labels: str) -> Reading:
        return Reading(self.name, labels, value)


Read = Callable[[], Iterable[Reading]]
table_gauges: dict[str, TableGauge] = {}
_collectors: dict[str, Read] = {}


def table_gauge(name: str, help: str, labels: Sequence[str] = ()) -> TableGauge:
    """Declare a gauge that a collector reads.

    Raises:
        ValueError: another has its name.
    """
    made = TableGauge(name, help, tuple(labels))
    if table_gauges.setdefault(name, made) != made:
        raise ValueError(f"Two gauges are named {name}.")
    return made


def collector(name: str) -> Callable[[Read], Read]:
    """Register a function that reads a few bounded queries.

    Raises:
        ValueError: another has its name.
    """

    def register(read: Read) -> Read:
        require_sole("collectors", name, known=_collectors.get(name), new=read)
        _collectors[name] = read
        return read

    return register


DATABASE_UP = table_gauge("holdfast_database_up", "1 when the database answered this host, 0 when not.")
COLLECTOR_UP = table_gauge("holdfast_collector_up", "1 when these figures could be read from the tables, 0 when they are missing.", ["collector"])


@dataclass
class _Cache:
    """What was read last. `reading` is held by the thread that reads; others take what there is."""

    readings: list[Reading] = field(default_factory=list)
    until: float = 0.0
    reading: Lock = field(default_factory=Lock)


_cache = _Cache()


def _forget() -> None:
    global _cache
    _cache = _Cache()


os.register_at_fork(after_in_child=_forget)


def readings() -> list[Reading]:
    """Return what the tables say, a few seconds old at most unless they are slow."""
    cache = _cache
    if time.monotonic() < cache.until or not cache.reading.acquire(blocking=not cache.until):
        return cache.readings
    try:
        if time.monotonic() >= cache.until:
            began = time.monotonic()
            cache.readings = read_now()
            cache.until = time.monotonic() + max(CACHE_SECONDS, SHARE_OF_TIME * (time.monotonic() - began))
    finally:
        cache.reading.release()
    return cache.readings


def read_now() -> list[Reading]:
    """Ask every collector. After the first sign that the database is gone nobody else asks it."""
    found: list[Reading] = []
    up = _database_answers()
    for name, read in _collectors.items():
        rows = _read(name, read) if up else None  # with all connections in use, too: who waits for one would only make it worse
        found += [*(rows or []), COLLECTOR_UP.reading(float(rows is not None), name)]
    return [*found, DATABASE_UP.reading(float(up is not False))]


def _database_answers() -> bool | None:
    """Return whether it does; None when this process has no connection left to ask with."""
    from resilience.database import PoolFull  # which counts, too

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except PoolFull:
        return None
    except (DatabaseError, InterfaceError) as fault:
        log.warning("metrics.database_away", error=str(fault)[:200])
        connection.close()
        return False
    return True


def _read(name: str, read: Read) -> list[Reading] | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
            return list(read())
    except (DatabaseError, InterfaceError) as fault:
        log.warning("metrics.not_read", collector=name, error=str(fault)[:200])
        return None


class FromTables(Collector):
    def collect(self) -> Iterable[Metric]:
        families = {name: GaugeMetricFamily(name, gauge.help, labels=gauge.labels) for name, gauge in table_gauges.items()}
        for reading in readings():
            families[reading.name].add_metric(reading.labels, reading.value)
        return [families[name] for name in sorted(families)]
