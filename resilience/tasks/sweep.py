"""Find what nobody is working on: leases whose process is gone or whose time is up, and due tasks whose wake-up was lost.

Run by every worker's supervisor at a fixed cadence with fixed limits, whatever the state of the system, and by `manage.py recover`.
Any number of sweeps may run at once: each change is a compare-and-set, so of two that see the same row one changes it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from resilience.faults import point
from resilience.leases import Owner, is_gone, this_place
from resilience.models import Task
from resilience.models.tasks import WAITING_STATES, RunOutcome, TaskState

from . import finish
from .wake import wake

log = structlog.get_logger(__name__)

REAP_LIMIT = 200
WAKE_LIMIT = 20  # per queue and sweep, and messages on their way beyond which none is added: a woken worker goes on by itself
WAKE_AGAIN_SECONDS = 30
STALE_WAKE_UP_SECONDS = 3600


def queues() -> list[str]:
    """Every queue a worker serves."""
    transport: dict[str, Any] = settings.Q_CLUSTER
    return [transport["name"], *transport["ALT_CLUSTERS"]]


def reap_expired(*, dry_run: bool = False) -> int:
    """Take back tasks whose lease has ended by the database's clock. Return how many."""
    expired = Task.objects.filter(state=TaskState.LEASED, lease_expires_at__lt=Now()).order_by("lease_expires_at")[:REAP_LIMIT]
    if dry_run:
        return expired.count()
    # The expiry is compared again in the statement that changes the row: a beat may have come in between.
    return sum(_reap(task, lease_expires_at__lt=Now()) for task in expired)


def reap_gone(*, dry_run: bool = False) -> int:
    """Take back tasks whose owner was a process here that has certainly ended, without waiting for the lease to end."""
    here = Task.objects.filter(state=TaskState.LEASED, lease_owner__startswith=f"{this_place()}/").order_by("heartbeat_at")[:REAP_LIMIT]
    gone = [task for task in here if (owner := Owner.parse(task.lease_owner)) is not None and is_gone(owner)]
    return len(gone) if dry_run else sum(_reap(task) for task in gone)


def reap_leases(*, dry_run: bool = False) -> int:
    return reap_gone(dry_run=dry_run) + reap_expired(dry_run=dry_run)


def put_back_tasks_of(owners: Collection[str]) -> int:
    """Put back what processes were running that we ended ourselves, no try and no crash spent. They must be gone. Return how many."""
    held = Task.objects.filter(state=TaskState.LEASED, lease_owner__in=list(owners))
    return sum(finish.put_back(task.pk, task.lease_epoch, outcome=RunOutcome.INTERRUPTED) for task in held)


def _reap(task: Task, **still: object) -> bool:
    # The owner is part of the condition, as the row was read a moment ago.
    reaped = finish.crash(task, task.lease_epoch, lease_owner=task.lease_owner, **still)
    point("tasks.sweep.reaped")
    if reaped:
        log.warning("task.reaped", task_id=str(task.pk), kind=task.kind, owner=task.lease_owner, crashes=task.crash_count + 1, request_id=task.request_id)
    return reaped


def send_wake_ups(*, dry_run: bool = False) -> int:
    """Wake workers for due tasks that nobody was woken for lately. Return how many wake-ups were sent."""
    return sum(_wake_queue(queue, dry_run=dry_run) for queue in queues())


def _wake_queue(queue: str, *, dry_run: bool) -> int:
    unwoken = Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - timedelta(seconds=WAKE_AGAIN_SECONDS))
    waiting = Task.objects.filter(unwoken, queue=queue, state__in=WAITING_STATES, run_at__lte=Now())
    due = list(waiting.order_by("priority", "run_at").values_list("pk", flat=True)[:WAKE_LIMIT])
    if dry_run or not due:
        return len(due)
    room = WAKE_LIMIT - _messages_waiting(queue)
    sent = 0
    for pk in due[: max(0, room)]:
        if waiting.filter(pk=pk).update(woken_at=Now()):  # of two sweeps at once, one sends it
            point("tasks.sweep.before_wake")
            wake(queue, str(pk))
            sent += 1
    return sent


def _messages_waiting(queue: str) -> int:
    from django_q.brokers import get_broker

    return int(get_broker(queue).queue_size())


def drop_stale_wake_ups(*, dry_run: bool = False) -> int:
    """Delete wake-ups that a worker took long ago and never acknowledged, as one that is killed does. A wake-up is only a hint."""
    from django_q.conf import Conf
    from django_q.models import OrmQ

    now = timezone.now()
    taken_before = now + timedelta(seconds=Conf.RETRY - STALE_WAKE_UP_SECONDS)
    stale = OrmQ.objects.filter(lock__gt=now, lock__lt=taken_before)  # it locks what it takes until `retry` seconds later
    return int(stale.count() if dry_run else stale.delete()[0])


def oldest_wake_up_age(queue: str) -> float:
    """Return how long, in seconds, the oldest wake-up nobody took has waited; 0 without one."""
    from django_q.models import OrmQ

    now = timezone.now()
    locks = OrmQ.objects.filter(key=queue, lock__lt=now).order_by("lock").values_list("lock", flat=True)[:1]
    return max(((now - lock).total_seconds() for lock in locks), default=0.0)


def has_leases_here(queue: str) -> bool:
    """Return whether a process of this place runs a task of the queue."""
    return Task.objects.filter(state=TaskState.LEASED, queue=queue, lease_owner__startswith=f"{this_place()}/").exists()
