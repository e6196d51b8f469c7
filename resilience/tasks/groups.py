"""What operators do with many dead letters at once: a task does it, batch by batch, so that thousands do not fall on one dependency together.

1. Asking writes a row and puts down the first batch, in one transaction. Only what was dead at that moment is taken: what dies again is not.
2. Each batch changes its dead letters, moves the row on, and puts down the next batch for later, in one transaction. A batch that is run again
   sees from the row that it was done. The dead letters of a batch start spread over the time until the next.
3. Those that cannot be replayed are counted and left as they are.
"""

from __future__ import annotations

import random
from datetime import timedelta

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from resilience import audit
from resilience.faults import point
from resilience.models import GroupChange, Task
from resilience.models.dead_letters import GroupAction
from resilience.models.tasks import TaskState

from . import dead
from .enqueue import enqueue
from .errors import GroupChangeOver, NoDeadLetters, TaskAlreadyLive, TaskNotInThatState
from .registry import TaskContext, durable

log = structlog.get_logger(__name__)

BATCH = 100
PAUSE_SECONDS = 10.0  # between two batches: ten dead letters a second begin again
_EVEN, _SPREAD = 0.8, 0.4  # of that pause: × U(0.8, 1.2)


def change_all(
    action: str, *, by: AbstractBaseUser | None, reason: str, fingerprint: str = "", kind: str = "", at_most: int | None = None
) -> GroupChange:  # fmt: skip
    """Begin to replay or discard all dead letters of a group, of a kind, or of both.

    Args:
        at_most: how many of them; None means all.

    Raises:
        NoDeadLetters: none matches.
    """
    with transaction.atomic():
        matched = dead_letters(fingerprint=fingerprint, kind=kind).count()
        if not matched:
            raise NoDeadLetters()
        matched = min(matched, at_most) if at_most is not None else matched
        values = {"fingerprint": fingerprint, "kind": kind, "at_most": at_most, "matched": matched, "by": by, "reason": reason[:500]}
        change = GroupChange.objects.create(action=GroupAction(action), **values)
        audit.record(actor=by, action=f"task.{action}_group", target=_told(change), reason=reason, count=matched)
        enqueue(_KIND, key=f"{change.pk}:0", payload={"change_id": change.pk, "batch": 0})
    return change


def stop(change: GroupChange, *, by: AbstractBaseUser | None, reason: str) -> None:
    """End a group change before it is through. What it has done stays done.

    Raises:
        GroupChangeOver: it has ended already.
    """
    with transaction.atomic():
        if not GroupChange.objects.filter(pk=change.pk, ended_at=None).update(ended_at=Now(), stopped=True):
            raise GroupChangeOver()
        audit.record(actor=by, action="task.stop_group", target=_told(change), reason=reason)


def dead_letters(*, fingerprint: str = "", kind: str = "") -> QuerySet[Task]:
    """Return the dead letters that match; empty values match any."""
    found = Task.objects.filter(state=TaskState.DEAD)
    found = found.filter(error_fingerprint=fingerprint) if fingerprint else found
    return found.filter(kind=kind) if kind else found


def _gave_up(task: Task) -> None:
    """The task that did it is a dead letter itself: say so on its row, so that nobody waits for it."""
    GroupChange.objects.filter(pk=task.payload["change_id"], ended_at=None).update(ended_at=Now(), stopped=True)


_KIND = "resilience.change_group"


@durable(_KIND, timeout=120, priority=60, on_dead=_gave_up)
def change_group(context: TaskContext, *, change_id: int, batch: int) -> None:
    with transaction.atomic():
        change = GroupChange.objects.select_for_update().filter(pk=change_id, ended_at=None, batches=batch).first()
        if change is None:
            return  # stopped, or this batch was done by a run whose end was not stored
        letters = _next_letters(change)
        done = sum(_change(change, letter) for letter in letters)
        change.done, change.skipped, change.batches = change.done + done, change.skipped + len(letters) - done, batch + 1
        change.last_seen = letters[-1].pk if letters else change.last_seen
        if len(letters) < BATCH or _left(change) == 0:
            _end(change)
        else:
            later = timezone.now() + timedelta(seconds=PAUSE_SECONDS * (_EVEN + _SPREAD * _chance()))
            enqueue(_KIND, key=f"{change.pk}:{batch + 1}", payload={"change_id": change.pk, "batch": batch + 1}, run_at=later)
        change.save(update_fields=["done", "skipped", "batches", "last_seen"])
        point("tasks.group.batch")


def _next_letters(change: GroupChange) -> list[Task]:
    """Lock the next batch: those not looked at yet, of what was dead when the change was asked for."""
    letters = dead_letters(fingerprint=change.fingerprint, kind=change.kind).filter(finished_at__lte=change.asked_at)
    if change.last_seen is not None:
        letters = letters.filter(pk__gt=change.last_seen)
    return list(letters.select_for_update().order_by("pk")[: min(BATCH, _left(change))])


def _left(change: GroupChange) -> int:
    return BATCH if change.at_most is None else change.at_most - change.done - change.skipped


def _change(change: GroupChange, letter: Task) -> bool:
    """Return whether it was changed; one that refuses is skipped."""
    try:
        if change.action == GroupAction.REPLAY:
            dead.replay(letter, wait=_chance() * PAUSE_SECONDS)
        else:
            dead.discard(letter)
    except (TaskNotInThatState, TaskAlreadyLive):
        return False
    return True


def _end(change: GroupChange) -> None:
    GroupChange.objects.filter(pk=change.pk).update(ended_at=Now())
    log.info("dead_letters.changed", action=change.action, change=change.pk, done=change.done, skipped=change.skipped)
    told = f"{_told(change)}: {change.skipped} skipped"
    audit.record(actor=change.by, action=f"task.{change.action}_group.ended", target=told, reason=change.reason, count=change.done)


def _told(change: GroupChange) -> str:
    parts = [f"kind {change.kind}" if change.kind else "", f"group {change.fingerprint}" if change.fingerprint else ""]
    return f"{', '.join(part for part in parts if part)} (change {change.pk})"


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads a herd
