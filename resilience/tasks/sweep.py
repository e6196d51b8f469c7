"""Find what nobody is working on: leases whose process is gone or whose time is up.

Run by every worker's supervisor at a fixed cadence with fixed limits, whatever the state of the system, and by `manage.py recover`.
Any number of sweeps may run at once: each change is a compare-and-set, so of two that see the same row one changes it.
"""

from __future__ import annotations

from collections.abc import Collection

import structlog
from django.db.models.functions import Now

from resilience.faults import point
from resilience.leases import Owner, is_gone, this_place
from resilience.models import Task
from resilience.models.tasks import RunOutcome, TaskState

from . import finish

log = structlog.get_logger(__name__)

REAP_LIMIT = 200


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
    return sum(finish.put_back(task, task.lease_epoch, outcome=RunOutcome.INTERRUPTED) for task in held)


def _reap(task: Task, **still: object) -> bool:
    # The owner is part of the condition, as the row was read a moment ago.
    reaped = finish.crash(task, task.lease_epoch, lease_owner=task.lease_owner, **still)
    point("tasks.sweep.reaped")
    if reaped:
        log.warning("task.reaped", task_id=str(task.pk), kind=task.kind, owner=task.lease_owner, crashes=task.crash_count + 1, request_id=task.request_id)
    return reaped


def has_leases_here(queue: str) -> bool:
    """Return whether a process of this place runs a task of the queue."""
    return Task.objects.filter(state=TaskState.LEASED, queue=queue, lease_owner__startswith=f"{this_place()}/").exists()
