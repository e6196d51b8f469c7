"""How the supervisor tells its worker processes to stop: a pipe they all inherit.

One byte in it: claim nothing more. Its writing end closed (by the supervisor, or by its death): stop now. Nothing is ever read from it, so
every process sees the same, whenever it looks.
"""

from __future__ import annotations

import os
import resource
import select
from enum import IntEnum

from django.conf import settings

from resilience import draining

STOP_FD_VARIABLE = "HOLDFAST_STOP_FD"


class Stop(IntEnum):
    NO = 0
    DRAIN = 1
    NOW = 2


def stop_requested() -> Stop:
    """Return what the supervisor wants of this process; always NO in a process that has none."""
    number = os.environ.get(STOP_FD_VARIABLE)
    if not number:
        return Stop.NO
    poller = select.poll()
    poller.register(int(number), select.POLLIN)
    events = dict(poller.poll(0)).get(int(number), 0)
    if events & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
        return Stop.NOW
    return Stop.DRAIN if events & select.POLLIN else Stop.NO


def may_take_more() -> bool:
    """Return whether this process may claim another task: nobody stops it, and neither its host nor the fleet is drained."""
    return stop_requested() is Stop.NO and draining.current() is None


def worn_out() -> bool:
    """Return whether this process has ever held more memory than a worker should: it then ends between two tasks (WORKER_MAX_MEMORY)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 >= int(settings.WORKER_MAX_MEMORY)
