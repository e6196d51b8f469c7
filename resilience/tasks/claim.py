"""Take a due task, so that nobody else does."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from resilience.faults import point
from resilience.leases import this_owner
from resilience.models import Task, TaskRun
from resilience.models.tasks import WAITING_STATES, TaskState


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task this process holds. `sent` is the local monotonic time before the claim was sent: its lease ends no earlier than from there."""

    task: Task
    epoch: int
    sent: float


def claim_task(task_id: str | uuid.UUID) -> Claimed | None:
    """Claim one task if it is due and waiting."""
    return _claim(Task.objects.filter(pk=task_id))


def claim_next(queue: str) -> Claimed | None:
    """Claim the best due task of a queue: lowest priority number first, then the one due longest."""
    return _claim(Task.objects.filter(queue=queue).order_by("priority", "run_at"))


def _claim(candidates: QuerySet[Task]) -> Claimed | None:
    """Claim the first due candidate nobody else is claiming.

    1. Lock it, passing over rows that another claim has locked.
    2. Lease it under a new epoch. Results of older epochs are refused from here on.
    3. Put down the run. All three are committed before the body runs, so a killed worker leaves evidence.
    """
    sent = time.monotonic()
    owner = this_owner()
    with transaction.atomic(durable=True):
        task = candidates.filter(state__in=WAITING_STATES, run_at__lte=Now()).select_for_update(skip_locked=True).first()
        if task is None:
            return None
        epoch = task.lease_epoch + 1
        Task.objects.filter(pk=task.pk, state__in=WAITING_STATES, lease_epoch=task.lease_epoch).update(
            state=TaskState.LEASED,
            lease_owner=owner,
            lease_epoch=epoch,
            lease_expires_at=Now() + timedelta(seconds=settings.TASK_LEASE_SECONDS),
            heartbeat_at=Now(),
            attempt=F("attempt") + 1,
        )
        TaskRun.objects.create(task=task, number=epoch, owner=owner, epoch=epoch)
        point("tasks.claim.run_row")
    point("tasks.claim.committed")
    task.lease_epoch = epoch
    task.attempt += 1
    return Claimed(task, epoch, sent)
