"""What operators do with dead letters, and with tasks that should not run. A task's history (its runs) is always kept.

Callers that have written down who and why (the admin) give no reason; with a reason, the audit row is written here.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from resilience import audit
from resilience.faults import point
from resilience.models import Task, TaskRun
from resilience.models.tasks import WAITING_STATES, RunOutcome, TaskState

from .errors import TaskAlreadyLive, TaskNotInThatState
from .wake import wake

MOST_AT_ONCE = 1_000  # chosen by hand; larger sets are changed by group (groups.py)
SPREAD_SECONDS_EACH = 0.1  # a selection starts again spread over this much time per task, so that it does not fall on one dependency at once


@dataclass(frozen=True, slots=True)
class Replayed:
    """`skipped`: no dead letter any more, or a live task with its key exists."""

    done: int
    skipped: int


def replay(task: Task, *, by: AbstractBaseUser | None = None, reason: str = "", wait: float = 0.0) -> None:
    """Start a dead letter again, tries and crashes counted from zero.

    Args:
        wait: seconds from now.

    Raises:
        TaskNotInThatState: it is no dead letter (any more).
        TaskAlreadyLive: a live task of its kind has its key.
    """
    fresh = {"attempt": 0, "crash_count": 0, "snoozed_since": None, "finished_at": None, "woken_at": None}
    try:
        with transaction.atomic():
            dead = Task.objects.filter(pk=task.pk, state=TaskState.DEAD)
            if not dead.update(state=TaskState.PENDING, run_at=Now() + timedelta(seconds=wait), **fresh):
                raise TaskNotInThatState(state=_state(task))
            _record("task.replay", task, by=by, reason=reason)
            point("tasks.replay.pending")
    except IntegrityError:
        raise TaskAlreadyLive(key=task.key) from None
    point("tasks.replay.committed")
    if not wait:
        transaction.on_commit(lambda: wake(task.queue), robust=True)


def discard(task: Task, *, by: AbstractBaseUser | None = None, reason: str = "") -> None:
    """Give a dead letter up.

    Raises:
        TaskNotInThatState: it is no dead letter (any more).
    """
    with transaction.atomic():
        if not Task.objects.filter(pk=task.pk, state=TaskState.DEAD).update(state=TaskState.CANCELED, finished_at=Now()):
            raise TaskNotInThatState(state=_state(task))
        _record("task.discard", task, by=by, reason=reason)


def replay_many(task_ids: Iterable[uuid.UUID], *, by: AbstractBaseUser | None = None, reason: str = "") -> Replayed:
    """Start a selection again, spread over time."""
    chosen = list(Task.objects.filter(pk__in=list(task_ids)).order_by("finished_at")[:MOST_AT_ONCE])
    done = 0
    for task in chosen:
        try:
            replay(task, by=by, reason=reason, wait=_spread(len(chosen)))
        except (TaskNotInThatState, TaskAlreadyLive):
            continue
        done += 1
    return Replayed(done, len(chosen) - done)


def cancel(task: Task, *, by: AbstractBaseUser | None = None, reason: str = "") -> None:
    """Stop a live task for good. One that runs hears it at its next beat; whatever it still stores is refused, as its epoch is over.

    Raises:
        TaskNotInThatState: it has ended already.
    """
    ended: dict[str, Any] = {"state": TaskState.CANCELED, "finished_at": Now()}
    with transaction.atomic():
        running = Task.objects.filter(pk=task.pk, state=TaskState.LEASED)
        if running.update(lease_owner="", lease_expires_at=None, lease_epoch=F("lease_epoch") + 1, **ended):
            open_runs = TaskRun.objects.filter(task_id=task.pk, outcome="")
            open_runs.update(outcome=RunOutcome.INTERRUPTED, ended_at=Now(), error="Canceled while it ran.")
        elif not Task.objects.filter(pk=task.pk, state__in=WAITING_STATES).update(**ended):
            raise TaskNotInThatState(state=_state(task))
        _record("task.cancel", task, by=by, reason=reason)


def _state(task: Task) -> str:
    state = Task.objects.filter(pk=task.pk).values_list("state", flat=True).first()
    return TaskState(state).label if state else "gone"


def _record(action: str, task: Task, *, by: AbstractBaseUser | None, reason: str) -> None:
    if reason:
        audit.record(actor=by, action=action, target=f"{task} ({task.pk})"[:200], reason=reason)


def _spread(size: int) -> float:
    return random.uniform(0, size * SPREAD_SECONDS_EACH) if size > 1 else 0.0  # noqa: S311 - not a secret
