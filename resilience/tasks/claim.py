"""Take due tasks, so that nobody else does: one statement, one commit."""

# ruff: noqa: S608 - statements put together of our own words
from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from resilience.faults import point
from resilience.leases import this_owner
from resilience.models import Task
from resilience.statements import fetch
from resilience.transactions import is_inside

from .lines import BEST, NOT_HELD, STILL_WAITING, best_parameters, resting_kinds

CONTENDERS = 20  # how many others may be claiming at this moment: their rows are locked, and passed over
_COLUMNS = ("id", "kind", "key", "queue", "payload", "priority", "attempt", "crash_count", "snoozed_since", "lease_epoch", "request_id")
RETURNED = ", ".join(f"taken.{name}{'::json' if name == 'payload' else ''}" for name in _COLUMNS)

# 1. Lock what was chosen, passing over rows that another claim has locked. A row that changed since it was chosen is looked at again.
# 2. Lease it under a new epoch. Results of older epochs are refused from here on.
# 3. Put down the run. All three are committed before the body runs, so a killed worker leaves evidence.
_LOCKED = f"WHERE {STILL_WAITING} AND run_at <= statement_timestamp()"
# Parameters: those of BEST, how many, owner, seconds of the lease.
TAKE_BEST = f"""{BEST}, picked AS MATERIALIZED (
    SELECT id FROM resilience_task {_LOCKED} AND id = ANY (ARRAY(SELECT id FROM best)) ORDER BY priority, run_at LIMIT %s FOR UPDATE SKIP LOCKED
)"""
_TAKE_NAMED = f"""picked AS MATERIALIZED (
    SELECT id FROM resilience_task t {_LOCKED} AND id = %s AND {NOT_HELD} FOR UPDATE SKIP LOCKED
)"""
LEASE = """, taken AS (
    UPDATE resilience_task t SET state = 'leased', lease_owner = %s, lease_epoch = t.lease_epoch + 1, attempt = t.attempt + 1,
           heartbeat_at = statement_timestamp(), lease_expires_at = statement_timestamp() + make_interval(secs => %s)
      FROM picked WHERE t.id = picked.id RETURNING t.*
), noted AS (
    INSERT INTO resilience_taskrun (task_id, number, owner, epoch, outcome, error_code, error, traceback)
    SELECT id, lease_epoch, lease_owner, lease_epoch, '', '', '', '' FROM taken
)"""
CLAIM_NEXT = f"WITH RECURSIVE {TAKE_BEST}{LEASE} SELECT {RETURNED} FROM taken ORDER BY priority, run_at"
_NAMED = f"WITH {_TAKE_NAMED}{LEASE} SELECT {RETURNED} FROM taken"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task this process holds. `sent` is the local monotonic time before the claim was sent: its lease ends no earlier than from there."""

    task: Task
    epoch: int
    sent: float


def claim_task(task_id: str | uuid.UUID) -> Claimed | None:
    """Claim one task if it is due, waiting, and not held by a pause or a resting circuit."""
    return next(iter(_claim(_NAMED, str(task_id), resting_kinds(), *lease_parameters())), None)


def claim_next(queue: str) -> Claimed | None:
    """Claim the best due task of a queue: lowest priority number first, then the one due longest."""
    return next(iter(claim_many(queue, 1)), None)


def claim_many(queue: str, most: int) -> list[Claimed]:
    """Claim the best due tasks of a queue, the best first. The leases of all of them have begun."""
    return _claim(CLAIM_NEXT, *take_best_parameters(queue, most=most))


def take_best_parameters(queue: str, *, most: int) -> tuple[object, ...]:
    """Return the parameters of `TAKE_BEST` and `LEASE`."""
    return (*best_parameters(queue, most=most + CONTENDERS), most, *lease_parameters())


def lease_parameters() -> tuple[object, ...]:
    return this_owner(), float(settings.TASK_LEASE_SECONDS)


def claimed_from(row: Any, sent: float) -> Claimed:
    """Return the claim that a row of the RETURNED columns tells of."""
    task = Task.from_db("default", _COLUMNS, row)
    return Claimed(task, task.lease_epoch, sent)


def refuse_open_transaction() -> None:
    """What a claim or a finish writes must count before the next line runs."""
    if is_inside():
        raise RuntimeError("A task cannot be claimed or finished inside a transaction: what it writes must be committed at once.")


def _claim(statement: str, *parameters: object) -> list[Claimed]:
    refuse_open_transaction()
    sent = time.monotonic()
    found = [claimed_from(row, sent) for row in fetch(statement, *parameters)]
    if found:
        point("tasks.claim.committed")
    return found
