"""Transactions that are run again when the database says that they collided, and an honest word where nobody knows how one ended.

A transaction that meets a deadlock, a serialization failure or a lock held too long is over: only the whole outermost block can be run again,
never a part of it. So `retried` wants to be that block. It does not run again what may have happened: `CommitUnknown` says so, and `settled`
asks for the rows first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, overload

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from resilience.database import CommitUnknown
from resilience.metrics import counter

__all__ = ["CommitUnknown", "retried", "retrying_atomic", "settled"]

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 5
BASE_SECONDS = 0.02
LOST_TRIES = 2  # a block whose connection broke before its commit: once more, over a fresh one
SETTLE_SECONDS = 3.0  # for a server process whose line broke to end or finish its commit
RETRIES = counter("holdfast_database_retries_total", "Transactions run again, by what they met.", ["reason"])
UNKNOWN = counter("holdfast_database_unknown_commits_total", "Commits whose answer was lost, by what became of them.", ["outcome"])
COLLISIONS = {"40001": "serialization", "40P01": "deadlock", "55P03": "lock"}


def retrying_atomic(block: Callable[[], T]) -> T:
    """Run a block as the outermost transaction, and again when it collided with another one. It must do nothing but ask the database.

    A connection that broke before the commit was sent is replaced, and the block run once more: nothing of it happened.

    Raises:
        RuntimeError: inside another atomic block, which would be left half done.
        CommitUnknown: the answer to COMMIT was lost; nothing is run again.
        OperationalError: it went on colliding, or the database is away.
    """
    _refuse_nesting()
    number = 0
    while True:
        number += 1
        attempt = _Attempt()
        try:
            with transaction.atomic(durable=True):
                attempt.raw = connection.connection
                return block()
        except (OperationalError, InterfaceError) as fault:
            reason = attempt.reason_to_retry(fault)
            if not reason or number >= (LOST_TRIES if reason == "connection" else TRIES):
                raise
            RETRIES.labels(reason).inc()
            log.info("transaction.retried", reason=reason, number=number)
        time.sleep(random.uniform(0, BASE_SECONDS * 2**number))  # noqa: S311 - full jitter, not a secret


@overload
def retried(function: Callable[P, T]) -> Callable[P, T]: ...
@overload
def retried(*, joins: bool) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def retried(function: Callable[..., Any] | None = None, *, joins: bool = False) -> Any:
    """Make a function an outermost transaction that is run again when it collides (`retrying_atomic`).

    Args:
        joins: called inside another atomic block, be a part of it instead of refusing: then that block is the one to run again.
    """

    def declare(body: Callable[P, T]) -> Callable[P, T]:
        @wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            if joins and is_inside():
                with transaction.atomic():
                    return body(*args, **kwargs)
            return retrying_atomic(lambda: body(*args, **kwargs))

        return run

    return declare(function) if function is not None else declare


def settled(block: Callable[[], T], *, reread: Callable[[], T | None]) -> T:
    """Run a block as `retrying_atomic` does; where the answer to its COMMIT was lost, find out what became of it.

    1. Wait until the server's process that had the transaction is done with it: before that a look proves nothing.
    2. Ask `reread` for what the block would have made. There: that is the result. 3. Not there: it did not happen, so run it again.

    Args:
        reread: looks by key, never by guess; None means that nothing of the block is there.

    Raises:
        CommitUnknown: it could not be found out within seconds; the caller's own retry must ask again.
    """
    try:
        return retrying_atomic(block)
    except CommitUnknown as unknown:
        if not _is_over(unknown.backend):
            UNKNOWN.labels("unknown").inc()
            raise
        found = reread()
        outcome = "absent" if found is None else "found"
        UNKNOWN.labels(outcome).inc()
        log.warning("transaction.commit_settled", outcome=outcome)
        return retrying_atomic(block) if found is None else found


def is_inside() -> bool:
    """True inside an atomic block; a test's own around everything does not count."""
    return connection.in_atomic_block and not getattr(connection.atomic_blocks[-1], "_from_testcase", False)


def _refuse_nesting() -> None:
    if is_inside():
        raise RuntimeError("A transaction that is to be run again as a whole was begun inside another one.")


class _Attempt:
    """One run of a block, and what was known before it."""

    def __init__(self) -> None:
        self.raw: Any = connection.connection  # psycopg's; Django may have opened another by the time a fault is looked at
        self._commits = connection.commits  # type: ignore[attr-defined] # of resilience.database

    def reason_to_retry(self, fault: DatabaseError | InterfaceError) -> str:
        """Return why the block may be run again, or nothing: when it may have happened, or would fare no better."""
        if isinstance(fault, CommitUnknown) or connection.commits != self._commits:  # type: ignore[attr-defined]
            return ""  # the second: a hook failed after the commit
        collision = COLLISIONS.get(getattr(fault.__cause__, "sqlstate", None) or "")
        if collision:
            return collision
        lost = self.raw is not None and self.raw.closed
        return "connection" if lost and not connection.in_atomic_block else ""


def _is_over(backend: int) -> bool:
    """Wait until a server process has no transaction any more. False when it still has one, or nobody can be asked."""
    connection.close()
    deadline = time.monotonic() + SETTLE_SECONDS
    while backend and time.monotonic() < deadline:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND xact_start IS NOT NULL AND pid <> pg_backend_pid()", [backend])
                if cursor.fetchone() is None:
                    return True
        except (OperationalError, InterfaceError):
            connection.close()  # the server itself may be starting again
        time.sleep(0.05)
    return False
