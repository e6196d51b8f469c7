"""Write down how a run ended. Every statement is fenced by the epoch: a run whose lease went to another changes nothing but its own row."""

# ruff: noqa: S608 - statements put together of our own words
from __future__ import annotations

import random
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest, Now

from resilience.faults import point
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.statements import fetch

from . import budget, counts
from .claim import LEASE, RETURNED, TAKE_BEST, Claimed, claimed_from, refuse_open_transaction, take_best_parameters
from .decision import Bury, Decision, RetryIn, SnoozeFor, decide, decide_after_crash
from .errors import TaskCrashed, TaskInterrupted, TaskPoison
from .failure import Failure, of_kind
from .lines import STILL_LEASED
from .registry import Kind, find_kind

log = structlog.get_logger(__name__)

_UNSPENT = Greatest(F("attempt") - 1, 0)

# 1. The task changes only while it is leased under this epoch. 2. Its run is closed with it: as done, or as lost when step 1 changed nothing.
# Parameters: task, epoch, task, epoch.
_DONE = f"""held AS (
    UPDATE resilience_task SET state = 'succeeded', finished_at = statement_timestamp(), snoozed_since = NULL, lease_owner = '', lease_expires_at = NULL,
           error_code = '', error_fingerprint = '', last_error = ''
     WHERE id = %s AND lease_epoch = %s AND {STILL_LEASED} RETURNING id
), closed AS (
    UPDATE resilience_taskrun SET outcome = CASE WHEN EXISTS (SELECT FROM held) THEN 'ok' ELSE 'lost' END, ended_at = statement_timestamp()
     WHERE task_id = %s AND number = %s AND outcome = ''
)"""
# It was stored now, or by the same statement before, whose answer did not arrive. Parameters: task, epoch.
_STORED = "(EXISTS (SELECT FROM held) OR EXISTS (SELECT FROM resilience_taskrun WHERE task_id = %s AND number = %s AND outcome = 'ok'))"
_SUCCEED = f"WITH {_DONE} SELECT {_STORED}"
_SUCCEED_AND_TAKE = f"WITH RECURSIVE {_DONE}, {TAKE_BEST}{LEASE} SELECT {_STORED}, {RETURNED} FROM (VALUES (1)) one LEFT JOIN taken ON true"


def succeed(claimed: Claimed) -> bool:
    """Store that the body did its work. Return False when the lease had gone to another, and nothing was stored."""
    refuse_open_transaction()
    run = _this_run(claimed)
    ((stored,),) = fetch(_SUCCEED, *run, *run, *run)
    point("tasks.finish.succeeded")
    if stored:
        counts.ended(claimed.task.kind, RunOutcome.OK)
    return bool(stored)


def succeed_and_claim(claimed: Claimed, queue: str) -> tuple[bool, Claimed | None]:
    """Store that the body did its work, and claim the best due task of the queue, in one statement and one commit.

    Returns:
        What `succeed` returns, and the next claim if anything is due.
    """
    refuse_open_transaction()
    sent = time.monotonic()
    run = _this_run(claimed)
    ((stored, *following),) = fetch(_SUCCEED_AND_TAKE, *run, *run, *take_best_parameters(queue, most=1), *run)
    point("tasks.finish.handed_over")
    if stored:
        counts.ended(claimed.task.kind, RunOutcome.OK)
    return bool(stored), claimed_from(following, sent) if following[0] is not None else None


def _this_run(claimed: Claimed) -> tuple[object, ...]:
    return claimed.task.pk, claimed.epoch


def fail(claimed: Claimed, failure: Failure, *, kind: Kind, outcome: RunOutcome = RunOutcome.ERROR) -> Decision:
    """Store a run that raised or ran out of time, and what comes next. Return that, whether or not the lease was still ours."""
    task = claimed.task
    raised = task.attempt - task.crash_count
    decision = decide(failure, kind=kind, raised=raised, snoozed_for=_seconds_since(task.snoozed_since), random=random.random, budget=budget.take)
    if isinstance(decision, SnoozeFor):
        outcome = RunOutcome.SNOOZED
    stored = _close(task.pk, claimed.epoch, outcome, _after(decision, failure), failure=failure)
    if stored:
        counts.ended(task.kind, outcome)
        counts.went_on(task.kind, decision, failure.code)
    return decision


def put_back(task: Task, epoch: int, *, outcome: RunOutcome, failure: Failure | None = None) -> bool:
    """Return a task to the queue at once, no try spent: its run was stopped by us, or its lease ran out while its process lived."""
    values = {"state": TaskState.PENDING, "run_at": Now(), "woken_at": None, "attempt": _UNSPENT}
    stored = _close(task.pk, epoch, outcome, values, failure=failure or of_kind(TaskInterrupted()))
    if stored:
        counts.ended(task.kind, outcome)
    return stored


def crash(task: Task, epoch: int, **still: Any) -> bool:
    """Store that the process which ran a task has ended, and what comes next.

    Args:
        still: conditions that must hold at the moment of writing, such as an expiry in the past.
    """
    crashes = task.crash_count + 1
    decision = decide_after_crash(crashes, random=random.random)
    failure = of_kind(TaskPoison(crashes=crashes) if isinstance(decision, Bury) else TaskCrashed())
    values = _after(decision, failure) | {"crash_count": crashes}
    stored = _close(task.pk, epoch, RunOutcome.CRASHED, values, failure=failure, still=still)
    if stored:
        counts.ended(task.kind, RunOutcome.CRASHED)
        counts.went_on(task.kind, decision, failure.code)
    return stored


def _after(decision: Decision, failure: Failure) -> dict[str, Any]:
    error = {"error_code": failure.code, "error_fingerprint": failure.fingerprint, "last_error": failure.message}
    match decision:
        case RetryIn(seconds, spent):
            if spent:
                error["last_error"] += f"\nThe retry budget of {spent} is spent: this waits longer."
            return error | {"state": TaskState.RETRY_WAIT, "run_at": Now() + timedelta(seconds=seconds), "woken_at": None, "snoozed_since": None}
        case SnoozeFor(seconds):
            later = Now() + timedelta(seconds=seconds)
            waiting = {"state": TaskState.RETRY_WAIT, "run_at": later, "woken_at": None}
            return error | waiting | {"attempt": _UNSPENT, "snoozed_since": Coalesce("snoozed_since", Now())}
        case Bury():
            return error | {"state": TaskState.DEAD, "finished_at": Now()}


def _close(
    task_id: uuid.UUID, epoch: int, outcome: RunOutcome, values: dict[str, Any], *, failure: Failure | None = None, still: dict[str, Any] | None = None
) -> bool:
    """End a run and its lease together.

    1. The task changes only while it is leased under this epoch.
    2. Its run row is closed in the same transaction: with this outcome, or as lost when step 1 changed nothing.
    3. A task that died tells its app, in the same transaction.
    """
    about = {"error_code": failure.code, "error": failure.message, "traceback": failure.traceback} if failure else {}
    with transaction.atomic(durable=True):
        held = Task.objects.filter(pk=task_id, lease_epoch=epoch, state=TaskState.LEASED, **(still or {}))
        changed = held.update(lease_owner="", lease_expires_at=None, **values)
        run = TaskRun.objects.filter(task_id=task_id, number=epoch, outcome="")
        if changed:
            run.update(outcome=outcome, ended_at=Now(), **about)
        elif not still:
            run.update(outcome=RunOutcome.LOST, ended_at=Now(), **about)
        if changed and values["state"] == TaskState.DEAD:
            tell_its_app(Task.objects.get(pk=task_id))
        point("tasks.finish.closed")
    point("tasks.finish.committed")
    return bool(changed)


def tell_its_app(task: Task) -> None:
    """Call the kind's `on_dead` inside the caller's transaction. What it raises is logged: the task is a dead letter all the same."""
    kind = find_kind(task.kind)
    log.error("task.dead", task_id=str(task.pk), kind=task.kind, code=task.error_code, request_id=task.request_id, error=task.last_error)
    if kind is None or kind.on_dead is None:
        return
    try:
        with transaction.atomic():
            kind.on_dead(task)
    except DatabaseFault:
        raise  # the connection's fault, not the hook's: the whole move is tried again
    except Exception as error:
        log.critical("task.on_dead_failed", task_id=str(task.pk), kind=task.kind, exc_info=True)
        Task.objects.filter(pk=task.pk).update(last_error=f"{task.last_error}\nTelling the app about it failed: {error!r}"[:4000])


def _seconds_since(moment: datetime | None) -> float:
    if moment is None:
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM statement_timestamp() - %s)", [moment])
        return float(cursor.fetchone()[0])
