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
    """One held lease. `with lease:` beats in a thread of its own, on its own connection.

    Args:
        sent: monotonic time at which the claim was sent.
        overdue_at: monotonic time at which the process is stuck beyond help, and `overdue` is called.
    """

    def __init__(self, task_id: uuid.UUID, *, epoch: int, sent: float, overdue_at: float = float("inf"), overdue: Callable[[], None] | None = None) -> None:
        self._task_id = task_id
        self._epoch = epoch
        self._ends = sent + settings.TASK_LEASE_SECONDS
        self._taken = False
        self._done = threading.Event()
        self._overdue_at = overdue_at
        self._overdue = overdue or kill_this_process
        self._thread = threading.Thread(target=self._beat_until_done, name=f"lease-{task_id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()

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

    def _beat_until_done(self) -> None:
        try:
            pause = float(settings.TASK_HEARTBEAT_SECONDS)
            while not self._done.wait(max(0.0, min(pause, self._overdue_at - time.monotonic()))):
                if time.monotonic() >= self._overdue_at:
                    self._overdue()
                    return
                # A lost lease is not asked for again: the body was told to stop. The thread stays on to see that it does.
                pause = settings.TASK_HEARTBEAT_SECONDS if self.lost() or self.beat() else RETRY_BEAT_SECONDS
        finally:
            connection.close()


def kill_this_process() -> None:
    """End a process whose body can be reached neither by asking nor by a signal. The sweep finds the run and gives it to another."""
    log.critical("task.stuck_beyond_its_timeout", pid=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
