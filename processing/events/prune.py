"""Forget news that is old, in batches, and count what was given up."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from processing.events.envelope import Status
from processing.events.models import EngineEvent, EventQueue, OrphanState, RemoteOrphan
from processing.events.queues import Queue, queues
from resilience.statements import fetch

BATCH = 2_000
BATCHES = 50  # of one round: more than ten thousand running jobs tell in that time is left for the next one
PROGRESS_KEPT = timedelta(days=1)  # how far a job was: of interest while it runs, and shortly after
WINDOW = timedelta(hours=6)

_GONE = "DELETE FROM processing_engineevent WHERE id = ANY(%s)"


def prune_events(*, dry_run: bool = False) -> int:
    """Delete news older than EVENT_KEEP_DAYS (how far jobs were: a day), and orphans settled as long ago. Return how many."""
    kept, progress = Now() - timedelta(days=settings.EVENT_KEEP_DAYS), Now() - PROGRESS_KEPT
    settled = RemoteOrphan.objects.exclude(state=OrphanState.OPEN).filter(last_seen_at__lt=kept)
    # Of how far jobs were only a window is looked at: what is older is mostly other news, which stays.
    lately = EngineEvent.objects.filter(received_at__lt=progress, received_at__gt=progress - WINDOW, news=Status.STATUS_UPDATE)
    old = (EngineEvent.objects.filter(received_at__lt=kept), lately)
    if dry_run:
        return sum(each[: BATCH * BATCHES].count() for each in old) + settled.count()
    return sum(_prune(each) for each in old) + settled.delete()[0]


def _prune(old: QuerySet[EngineEvent]) -> int:
    total = 0
    for _ in range(BATCHES):
        keys = list(old.order_by("received_at").values_list("pk", flat=True)[:BATCH])
        fetch(_GONE, keys)
        total += len(keys)
        if len(keys) < BATCH:
            break
    return total


def count_dead_letters(*, dry_run: bool = False) -> int:
    """Note how many messages lie in each dead letter queue. Return how many there are more than at the last look.

    Raises:
        QueueAway, CircuitOpen: SQS does not answer.
    """
    return sum(_count(queue, dry_run=dry_run) for queue in queues() if queue.dead)


def _count(queue: Queue, *, dry_run: bool) -> int:
    now = queue.dead_letters.count()
    before = EventQueue.objects.filter(address=queue.name).values_list("dead", flat=True).first() or 0
    if not dry_run and now != before:
        EventQueue.objects.bulk_create([EventQueue(address=queue.name)], ignore_conflicts=True)
        EventQueue.objects.filter(address=queue.name).update(dead=now)
    return max(0, now - before)
