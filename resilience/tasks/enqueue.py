"""Put work down, in the caller's transaction: with its commit the task exists, without it nothing does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.statements import fetch

from .registry import kind_of
from .wake import wake

# ON CONFLICT DO NOTHING: the loser of a race must not break the caller's transaction.
_ENQUEUE = """
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
    if run_at is not None:
        task.run_at = run_at
    else:
        task.woken_at = timezone.now()  # on commit; the sweep wakes it again if that is lost
    # ON CONFLICT DO NOTHING: the loser of a race must not break the caller's transaction.
    Task.objects.bulk_create([task], ignore_conflicts=True)
    point("tasks.enqueue.inserted")
    stored = Task.objects.filter(pk=task.pk).first()
    if stored is None:
        return None
    if run_at is None:
        transaction.on_commit(lambda: _wake(stored.queue), robust=True)
    return stored


def _wake(queue: str) -> None:
    point("tasks.enqueue.committed")
    wake(queue)


def enqueue_many(kind: str, entries: Sequence[Entry]) -> None:
    """Insert due tasks of one kind with one statement and wake workers on commit with another. Those whose key lives already are left out."""
    declared = kind_of(kind)
    rows = [{"id": str(uuid.uuid4()), "key": entry.key, "payload": entry.payload, "request_id": entry.request_id} for entry in entries]
    made = [str(row[0]) for row in fetch(_ENQUEUE, kind, declared.queue, TaskState.PENDING, declared.priority, json.dumps(rows))]
    point("tasks.enqueue.many_inserted")
    transaction.on_commit(lambda: _wake_many(declared.queue, len(made)), robust=True)


def _wake_many(queue: str, count: int) -> None:
    point("tasks.enqueue.many_committed")
    wake(queue, count)
