"""Run claimed tasks: what a wake-up calls in a worker, and what tests call in their own process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from resilience.faults import point
from resilience.http.request_ids import uuid7
from resilience.models.tasks import RunOutcome

from . import budget, counts, deadline, finish, policies
from .claim import Claimed, claim_next, claim_task
from .context import RunContext
from .deadline import DeadlinePassed, hard_deadline
from .errors import TaskInterrupted, TaskKindUnknown, TaskTimedOut
from .failure import Failure, describe, of_kind
from .heartbeat import Lease
from .registry import Kind, find_kind
from .stopping import Stop, may_take_more, stop_requested, worn_out
from .wake import wake

log = structlog.get_logger(__name__)

LOOK_FURTHER_SECONDS = 10.0  # after a wake-up's own task: how long a worker goes on with what else is due
FINISH_PATIENCE_SECONDS = 120.0  # how long a result is kept for a database that does not answer
_FIRST_FINISH_WAIT = 0.2
_LONGEST_FINISH_WAIT = 5.0


def run_one(task_id: str, queue: str = "default") -> None:
    """Answer a wake-up: run that task if one is named and due, else the best due one of the queue; then what else is due, for a short while.

    Never raises and returns nothing: for django-q2 every wake-up ends well. One with nothing to do costs an index look-up.
    """
    try:
        _run_from(task_id, queue)
    except DatabaseFault as fault:
        connection.close()
        log.warning("task.database_away", task_id=task_id, queue=queue, error=str(fault))
    except Exception:
        log.exception("task.wake_up_failed", task_id=task_id, queue=queue)


def run_due(queues: Sequence[str] = ("default", "media"), *, limit: int = 50) -> int:
    """Run due tasks here and now, one after the other, through the real claim, lease and finish. Return how many ran."""
    ran = 0
    for queue in queues:
        claimed = claim_next(queue) if ran < limit else None
        while claimed is not None:
            ran += 1
            claimed = execute(claimed, then=lambda: queue if ran < limit else "")  # noqa: B023 - asked before the next turn
    return ran


def _run_from(task_id: str, queue: str) -> None:
    until = time.monotonic() + LOOK_FURTHER_SECONDS

    def is_over() -> bool:
        return time.monotonic() > until or worn_out()

    if not may_take_more():
        return
    claimed = (claim_task(task_id) if task_id else None) or claim_next(queue)
    while claimed is not None:
        claimed = execute(claimed, then=lambda: queue if may_take_more() and not is_over() else "")
    if is_over() and may_take_more():
        wake(queue)  # what else is due is for the next one who looks


def execute(claimed: Claimed, *, then: Callable[[], str] = str) -> Claimed | None:
    """Run a claimed task's body and store how it ended. Log lines meanwhile carry the id of the request that enqueued it.

    Args:
        then: asked after the body; names the queue whose best due task is claimed together with the end, or nothing.

    Returns:
        That claim, which the caller must execute.
    """
    task = claimed.task
    bound = {"request_id": task.request_id or uuid7(), "task_id": str(task.pk), "task_kind": task.kind, "task_run": claimed.epoch}
    with structlog.contextvars.bound_contextvars(**bound):
        if find_kind(task.kind) is None:
            finish.fail(claimed, describe(TaskKindUnknown(kind=task.kind)), kind=Kind(task.kind, _no_body))
            return _next_of(then())
        kind = policies.effective(task.kind)
        until = claimed.sent + kind.timeout
        lease = Lease(task.pk, epoch=claimed.epoch, sent=claimed.sent, overdue_at=until + deadline.STUCK_GRACE_SECONDS)
        context = RunContext(str(task.pk), task.attempt, lease, until)
        with lease:  # held until the end is stored
            point("tasks.run.before_body")
            with counts.SECONDS.labels(kind.name).time():
                failure = _run_body(kind, context, claimed)
            point("tasks.run.body_done")
            following = _store(claimed, kind, context, failure, queue=then())
            point("tasks.run.finished")
    return following


def _run_body(kind: Kind, context: RunContext, claimed: Claimed) -> Failure | None:
    """Return None when the body did its work."""
    try:
        with hard_deadline(kind.timeout + deadline.HARD_GRACE_SECONDS):
            kind.body(context, **claimed.task.payload)
    except DeadlinePassed:
        _drop_connection()  # it may have been cut in the middle of a statement
        return of_kind(TaskTimedOut(seconds=round(kind.timeout)))
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a body raises is its run's outcome
        if context.timed_out() and not context.interrupted():
            return of_kind(TaskTimedOut(seconds=round(kind.timeout)))
        return describe(error)
    return _told_to_stop(kind, context) if context.told_to_stop else None


def _told_to_stop(kind: Kind, context: RunContext) -> Failure:
    """A body that left early because it was told to has not failed, but it has not done its work either."""
    if context.timed_out() and not context.interrupted():
        return of_kind(TaskTimedOut(seconds=round(kind.timeout)))
    return of_kind(TaskInterrupted())


def _store(claimed: Claimed, kind: Kind, context: RunContext, failure: Failure | None, *, queue: str) -> Claimed | None:
    """Store the end of a run; while the database is away, keep trying. Fencing decides whether it still counts. Return the next claim, if any.

    A claim whose answer was lost is not asked for again: its lease ends by itself.
    """
    give_up = time.monotonic() + FINISH_PATIENCE_SECONDS
    wait = _FIRST_FINISH_WAIT
    while True:
        try:
            return _store_once(claimed, kind, context, failure, queue=queue)
        except DatabaseFault as fault:
            if connection.in_atomic_block:
                raise  # a test's own transaction: it is broken for good
            connection.close()
            queue = ""
            log.warning("task.finish_unanswered", error=str(fault))
            if time.monotonic() > give_up or stop_requested() is Stop.NOW:
                return None  # the lease runs out and the sweep gives the task to another
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_FINISH_WAIT)


def _store_once(claimed: Claimed, kind: Kind, context: RunContext, failure: Failure | None, *, queue: str) -> Claimed | None:
    if failure is None:
        stored, following = finish.succeed_and_claim(claimed, queue) if queue else (finish.succeed(claimed), None)
        budget.succeeded(kind)
        if not stored:
            log.warning("task.result_refused", reason="The lease went to another run.")
        return following
    _store_failure(claimed, kind, context, failure)
    return _next_of(queue)


def _next_of(queue: str) -> Claimed | None:
    return claim_next(queue) if queue else None


def _store_failure(claimed: Claimed, kind: Kind, context: RunContext, failure: Failure) -> None:
    task = claimed.task
    if context.interrupted():
        finish.put_back(task, claimed.epoch, outcome=RunOutcome.INTERRUPTED)
    elif failure.code == TaskTimedOut.entry.code:
        finish.fail(claimed, failure, kind=kind, outcome=RunOutcome.TIMEOUT)
    elif context.lease.lost():
        finish.put_back(task, claimed.epoch, outcome=RunOutcome.LOST, failure=failure)
    else:
        decision = finish.fail(claimed, failure, kind=kind)
        log.warning("task.failed", code=failure.code, error=failure.message, attempt=task.attempt, next=str(decision))


def _drop_connection() -> None:
    if not connection.in_atomic_block:
        connection.close()


def _no_body(_context: object) -> None:
    raise AssertionError("A kind nobody declared has no body.")
