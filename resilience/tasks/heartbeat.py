"""Keep a lease while a body runs, and know when it is lost.

The database's clock decides when a lease ends for others. Here it ends by the local monotonic clock, counted from when the beat that won it
was *sent*: that is never later than in the database. A beat without an answer means unknown, so the body goes on until that moment.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

import structlog
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection
from django.db.models.functions import Now

from resilience.models import Task, TaskRun
from resilience.models.tasks import TaskState

log = structlog.get_logger(__name__)

RETRY_BEAT_SECONDS = 1.0


class Lease:
    """One held lease. `with lease:` has it renewed by the process's beating thread, on that thread's own connection.

    Args:
        sent: monotonic time at which the claim was sent.
        overdue_at: monotonic time at which the process is stuck beyond help, and `overdue` is called.
    """

    def __init__(self, task_id: uuid.UUID, *, epoch: int, sent: float, overdue_at: float = float("inf"), overdue: Callable[[], None] | None = None) -> None:
        self._task_id = task_id
        self._epoch = epoch
        self._ends = sent + settings.TASK_LEASE_SECONDS
        self._taken = False
        self._overdue_at = overdue_at
        self._overdue = overdue or kill_this_process
        self._next_beat = time.monotonic() + settings.TASK_HEARTBEAT_SECONDS

    def __enter__(self) -> Lease:
        _beater.keep(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _beater.forget(self)

    def lost(self) -> bool:
        """Return whether the lease may be somebody else's by now. Once True it stays so."""
        if not self._taken and time.monotonic() >= self._ends:
            self._taken = True
        return self._taken

    def beat(self) -> bool:
        """Ask for another term. Return False when the answer did not come (unknown); sets the lease lost when it was refused."""
        sent = time.monotonic()
        try:
            held = Task.objects.filter(pk=self._task_id, lease_epoch=self._epoch, state=TaskState.LEASED)
            renewed = held.update(lease_expires_at=Now() + timedelta(seconds=settings.TASK_LEASE_SECONDS), heartbeat_at=Now())
            TaskRun.objects.filter(task_id=self._task_id, number=self._epoch, outcome="").update(heartbeat_at=Now())
        except DatabaseFault as fault:
            connection.close()
            log.warning("task.beat_unanswered", task_id=str(self._task_id), epoch=self._epoch, error=str(fault))
            return False
        if not renewed:
            self._taken = True
        elif not self.lost():
            self._ends = max(self._ends, sent + settings.TASK_LEASE_SECONDS)
        return True

    def due(self) -> float:
        """Return the local monotonic time at which it wants to be looked after."""
        return min(self._next_beat, self._overdue_at)

    def look_after(self) -> None:
        """Beat, or end a process that is stuck. A lost lease is not asked for again: its body was told to stop. It is watched until it does."""
        if time.monotonic() >= self._overdue_at:
            self._overdue_at = float("inf")
            self._overdue()
            return
        answered = self.lost() or self.beat()
        self._next_beat = time.monotonic() + (settings.TASK_HEARTBEAT_SECONDS if answered else RETRY_BEAT_SECONDS)


class _Beater:
    """One thread for all leases of a process, started with the first and asleep until one wants it: most tasks are over long before."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._leases: list[Lease] = []
        self._thread: threading.Thread | None = None
        self._sleeps_until = float("-inf")
        self._connected = False

    def keep(self, lease: Lease) -> None:
        with self._changed:
            self._leases.append(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            elif lease.due() < self._sleeps_until:
                self._changed.notify()

    def forget(self, lease: Lease) -> None:
        with self._changed:
            self._leases.remove(lease)
            if self._connected and not self._leases:
                self._changed.notify()  # so that it gives its connection back

    def _run(self) -> None:
        while True:
            for lease in self._wait():
                try:
                    self._connected = True
                    lease.look_after()
                except Exception:
                    log.exception("task.beat_failed")  # of a thread that ended nobody would hear, and every lease would be lost

    def _wait(self) -> list[Lease]:
        """Sleep until leases are due, and return them."""
        with self._changed:
            if self._connected and not self._leases:
                connection.close()
                self._connected = False
            self._sleeps_until = min((lease.due() for lease in self._leases), default=float("inf"))
            seconds = self._sleeps_until - time.monotonic()
            if seconds > 0:
                self._changed.wait(min(seconds, threading.TIMEOUT_MAX))
            self._sleeps_until = float("-inf")  # awake: it looks at every lease before it sleeps again
            now = time.monotonic()
            return [lease for lease in self._leases if lease.due() <= now]


_beater = _Beater()


def _start_afresh() -> None:
    global _beater
    _beater = _Beater()


os.register_at_fork(after_in_child=_start_afresh)  # the thread stays with the parent, and so may a lock it holds


def kill_this_process() -> None:
    """End a process whose body can be reached neither by asking nor by a signal. The sweep finds the run and gives it to another."""
    log.critical("task.stuck_beyond_its_timeout", pid=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
