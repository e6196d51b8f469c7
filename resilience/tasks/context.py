"""What the runner tells a running body."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .heartbeat import Lease
from .stopping import Stop, stop_requested


@dataclass(slots=True)
class RunContext:
    """Implements `TaskContext`. `deadline` is local monotonic time.

    `told_to_stop` is set once a body has heard that it must stop: when it then returns without an error, its work is still not done.
    """

    task_id: str
    attempt: int
    lease: Lease
    deadline: float
    told_to_stop: bool = False

    def timed_out(self) -> bool:
        return time.monotonic() >= self.deadline

    def interrupted(self) -> bool:
        return stop_requested() is Stop.NOW

    def lease_lost(self) -> bool:
        lost = self.lease.lost() or self.timed_out() or self.interrupted()
        self.told_to_stop = self.told_to_stop or lost
        return lost
