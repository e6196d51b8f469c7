"""How news of engines elsewhere comes in: whether somebody reads it, how much is lost, what nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from processing.events import budget
from processing.events.models import EngineEvent, EventQueue, OrphanState, Outcome, RemoteOrphan, Source
from processing.events.queues import queues
from resilience.metrics.tables import Reading, collector, table_gauge
from resilience.watching.checks import POOL_SECONDS
from resilience.watching.readiness import Health, degraded, ok, readiness

LOST = table_gauge("holdfast_engine_events_lost_ratio", "Share of jobs elsewhere whose end was seen by asking, not by news, of the last 24 hours.")
ENDS = table_gauge("holdfast_engine_ends", "Jobs elsewhere that ended in the last 24 hours, by how that was seen first.", ["source"])
ORPHANS = table_gauge("holdfast_engine_orphans", "Jobs elsewhere that nobody here knows, not settled yet.", ["engine"])
STRANGE = table_gauge("holdfast_engine_events_strange", "News of the last 24 hours that could not be read or contradicts other news.", ["outcome"])
SILENT = table_gauge("holdfast_event_queue_unread_seconds", "Seconds since somebody last read a queue of news.", ["queue"])
DEAD = table_gauge("holdfast_event_queue_dead", "Messages in the dead letter queue of a queue of news.", ["queue"])
BUDGET = table_gauge("holdfast_engine_questions_left", "Questions that may be asked of MediaConvert just now.")

DAY = timedelta(hours=24)
UNREAD = timedelta(seconds=60)
MOST_LOST = 0.01
ENOUGH = 100  # ends; a share of fewer says nothing
STRANGE_OUTCOMES = (Outcome.MALFORMED, Outcome.CONTRADICTS)


@collector("engine_events")
def engine_events() -> Iterable[Reading]:
    seen = ends()
    for source in Source.values:
        yield ENDS.reading(seen.get(source, 0), source)
    yield LOST.reading(lost_share(seen))
    for engine, count in RemoteOrphan.objects.filter(state=OrphanState.OPEN).order_by().values_list("engine").annotate(count=Count("pk")):
        yield ORPHANS.reading(count, engine)
    found = dict(strange().order_by().values_list("outcome").annotate(count=Count("pk")))
    for outcome in STRANGE_OUTCOMES:
        yield STRANGE.reading(found.get(outcome, 0), outcome)
    for row in EventQueue.objects.all():
        yield DEAD.reading(row.dead, str(row))
        if row.read_at:
            yield SILENT.reading((timezone.now() - row.read_at).total_seconds(), str(row))
    yield BUDGET.reading(budget.left())


def ends() -> dict[str, int]:
    """Return how many jobs elsewhere ended in the last 24 hours, by how that was seen first."""
    return dict(EngineEvent.objects.filter(ended=True, received_at__gt=Now() - DAY).order_by().values_list("source").annotate(count=Count("pk")))


def lost_share(seen: dict[str, int]) -> float:
    """Return the share of ends that nobody told us of; where there are queues for news at all."""
    total = sum(seen.values())
    return 1 - seen.get(Source.EVENT, 0) / total if total and settings.MEDIACONVERT_EVENTS_QUEUE_URLS else 0.0


def strange() -> QuerySet[EngineEvent]:
    """Return news of the last 24 hours that an operator should look at."""
    return EngineEvent.objects.filter(outcome__in=STRANGE_OUTCOMES, received_at__gt=Now() - DAY)


@readiness("engine_events", critical=False, seconds=POOL_SECONDS, every=5.0)
def reading() -> Health:
    """Somebody reads the queues of news, and what matters comes through them. Without, jobs are asked about: slower, and within a budget."""
    wanted = {queue.name: queue for queue in queues()}
    if not wanted:
        return ok("No queue of news is configured; jobs elsewhere are asked about.") if settings.MEDIACONVERT_REGIONS else ok()
    rows = {row.address: row for row in EventQueue.objects.filter(address__in=wanted)}
    read = set(EventQueue.objects.filter(address__in=wanted, read_at__gt=Now() - UNREAD).values_list("address", flat=True))
    unread = [rows.get(name) or EventQueue(address=name) for name in wanted if name not in read]
    if unread:
        return degraded("; ".join(_unread(row) for row in unread) + ". Jobs are asked about instead. Start `manage.py consume_events`.")
    seen = ends()
    if sum(seen.values()) >= ENOUGH and (share := lost_share(seen)) > MOST_LOST:
        return degraded(f"{share:.0%} of the ends of jobs were not told us: look at the rule and the queue of events.")
    return ok()


def _unread(row: EventQueue) -> str:
    return f"Nobody reads {row}" + (f" ({row.error})" if row.error else "")
