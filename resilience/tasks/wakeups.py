"""The safety net below wake-ups: due tasks nobody was woken for, and messages nobody took. Works alike on every broker.

Run by every worker's supervisor at a fixed cadence with fixed limits. Any number may run at once: of two that see the same task, one marks it.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from resilience.faults import point
from resilience.models import Task
from resilience.models.tasks import WAITING_STATES

from .brokers import broker_of, queues
from .brokers.base import ENOUGH_WAITING
from .lines import due_now
from .wake import wake

WAKE_LIMIT = ENOUGH_WAITING  # tasks of a queue marked in one sweep


def send_wake_ups(*, dry_run: bool = False) -> int:
    """Wake workers for due tasks that nobody was woken for in the last TASK_SWEEP_SECONDS. Return how many tasks that was for."""
    return sum(_wake_queue(queue, dry_run=dry_run) for queue in queues())


def _unwoken(queue: str) -> QuerySet[Task]:
    """Of the best tasks that could be claimed now, those nobody was woken for. None is paused: a wake-up for it would be for nothing."""
    long_ago = Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - timedelta(seconds=settings.TASK_SWEEP_SECONDS))
    return Task.objects.filter(long_ago, pk__in=due_now(queue, most=WAKE_LIMIT), state__in=WAITING_STATES)


def _wake_queue(queue: str, *, dry_run: bool) -> int:
    """Mark what is due, then say it. A sweep that dies in between is made good by the next one after TASK_SWEEP_SECONDS."""
    unwoken = _unwoken(queue)
    if dry_run:
        return unwoken.count()
    marked = unwoken.update(woken_at=Now())
    if not marked:
        return 0
    point("tasks.sweep.before_wake")
    wake(queue, marked)
    return marked


def drop_stale_wake_ups(*, dry_run: bool = False) -> int:
    """Forget wake-ups that a worker took long ago and never acknowledged, as one that is killed does. A wake-up is only a hint."""
    return broker_of(queues()[0]).drop_stale(dry_run=dry_run)


def oldest_wake_up_age(queue: str) -> float:
    """Return how long, in seconds, the oldest wake-up nobody took has waited; 0 without one, or where the broker does not say."""
    return broker_of(queue).oldest_age()
