"""Put work down, in the caller's transaction: with its commit the task exists, without it nothing does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.statements import fetch

from .registry import kind_of
from .wake import wake

# ON CONFLICT DO NOTHING: the loser of a race must not break the caller's transaction.
# A task that is due at once counts as woken: on commit it is, and the sweep wakes it again if that is lost.
_ENQUEUE = """
INSERT INTO resilience_task (id, kind, key, queue, payload, state, priority, request_id, run_at, woken_at,
                             attempt, crash_count, lease_owner, lease_epoch, error_code, error_fingerprint, last_error)
SELECT %s, %s, %s, %s, %s::jsonb, %s, %s, %s, COALESCE(%s::timestamptz, statement_timestamp()), CASE WHEN %s THEN statement_timestamp() END,
       0, 0, '', 0, '', '', ''
    ON CONFLICT DO NOTHING RETURNING run_at, woken_at, created_at
"""
_ENQUEUE_MANY = """
INSERT INTO resilience_task (id, kind, key, queue, payload, state, priority, request_id, woken_at,
                             attempt, crash_count, lease_owner, lease_epoch, error_code, error_fingerprint, last_error)
SELECT id, %s, key, %s, payload, %s, %s, request_id, statement_timestamp(), 0, 0, '', 0, '', '', ''
  FROM json_to_recordset(%s::json) AS (id uuid, key text, payload jsonb, request_id text)
    ON CONFLICT DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One task of several of a kind: as the arguments of `enqueue`, and the request it is put down for."""

    key: str
    payload: dict[str, Any]
    request_id: str


def enqueue(
    kind: str,
    *,
    key: str = "",
    payload: dict[str, Any] | None = None,
    run_at: datetime | None = None,
    priority: int | None = None,
) -> Task | None:
    """Insert a task and wake a worker on commit. The wake-up may be lost: the sweep sends it again.

    Args:
        key: unique among live tasks of the kind. Enqueuing a second one while the first lives does nothing.
        payload: keyword arguments of the body; JSON.
        run_at: not before this moment (UTC).
        priority: lower runs first.

    Returns:
        The new task, or None when a live one with this key exists.
    """
    declared = kind_of(kind)
    task = Task(
        kind=kind,
        key=key,
        queue=declared.queue,
        payload=payload or {},
        priority=declared.priority if priority is None else priority,
        request_id=current_request_id(),
    )
    values = (task.pk, kind, key, task.queue, json.dumps(task.payload), TaskState.PENDING, task.priority, task.request_id, run_at, run_at is None)
    made = fetch(_ENQUEUE, *values)
    point("tasks.enqueue.inserted")
    if not made:
        return None
    task.run_at, task.woken_at, task.created_at = made[0]
    task._state.adding, task._state.db = False, "default"
    if run_at is None:
        transaction.on_commit(lambda: _wake(task.queue), robust=True)
    return task


def _wake(queue: str) -> None:
    point("tasks.enqueue.committed")
    wake(queue)


def enqueue_many(kind: str, entries: Sequence[Entry]) -> None:
    """Insert due tasks of one kind with one statement and wake workers on commit with another. Those whose key lives already are left out."""
    declared = kind_of(kind)
    rows = [{"id": str(uuid.uuid4()), "key": entry.key, "payload": entry.payload, "request_id": entry.request_id} for entry in entries]
    made = [str(row[0]) for row in fetch(_ENQUEUE_MANY, kind, declared.queue, TaskState.PENDING, declared.priority, json.dumps(rows))]
    point("tasks.enqueue.many_inserted")
    transaction.on_commit(lambda: _wake_many(declared.queue, len(made)), robust=True)


def _wake_many(queue: str, count: int) -> None:
    point("tasks.enqueue.many_committed")
    wake(queue, count)
