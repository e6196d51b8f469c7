"""The canary of one cluster: a message it passes through itself, taken by the pusher, run by a worker, acknowledged by the monitor.

It needs neither database nor broker, so that a fault of those is never taken for one of the cluster; and it belongs to this cluster alone,
where a message through the broker would show that some cluster of the fleet is well.
"""

from __future__ import annotations

from ctypes import c_uint64
from multiprocessing.sharedctypes import RawValue
from typing import Any

from django.conf import settings

from .brokers import package

_MARK = "pulse"
_BEAT = "resilience.tasks.pulse.beat"
_current: Pulse | None = None  # of this cluster; its processes are forks and share the numbers


class Pulse:
    """Numbers of the last canary that each kind of process has seen. Each is written by one kind only, so no lock can be left held."""

    def __init__(self, queue: str, *, every: float | None = None, patience: float | None = None) -> None:
        self._queue = queue
        self._every = float(settings.TASK_CANARY_SECONDS if every is None else every)
        self._patience = float(settings.TASK_CANARY_PATIENCE_SECONDS if patience is None else patience)
        self._wanted, self._taken, self._run, self._acknowledged = (RawValue(c_uint64, 0) for _ in range(4))
        self._seen = 0
        self._since = self._sent = float("-inf")

    def attach(self) -> None:
        """Make it the one that this process's forks answer to."""
        global _current
        _current = self

    def look(self, now: float, *, someone_is_free: bool) -> bool:
        """Send the next canary if it is time. Return whether the cluster has stood still: for too long, none came through.

        One may be lost with a process that is killed and replaced; so another is sent while the first is out, and any of them will do.
        While every worker is busy, nothing can be said: a canary that has not run waits with the messages, and its time does not count.
        """
        seen = self._acknowledged.value
        none_is_out = seen >= self._wanted.value
        waits_for_hands = self._run.value < self._wanted.value and not someone_is_free
        if seen > self._seen or none_is_out or waits_for_hands:
            self._seen, self._since = seen, now
        if now - self._sent >= self._every:
            self._wanted.value += 1
            self._sent = now
        return now - self._since >= self._patience

    def age(self, now: float) -> float:
        """Return for how many seconds no canary has come through while one was out."""
        return 0.0 if self._acknowledged.value >= self._wanted.value else now - self._since

    def take(self) -> tuple[Any, str] | None:
        """For the pusher: the canary, once."""
        number = self._wanted.value
        if self._taken.value >= number:
            return None
        self._taken.value = number
        return f"{_MARK}:{number}", package(_BEAT, queue=self._queue)

    def ran(self) -> None:
        self._run.value = self._taken.value

    def acknowledge(self, handle: Any) -> bool:
        """For the monitor: return whether this handle was a canary's."""
        mark, _, number = str(handle).partition(":")
        if mark != _MARK:
            return False
        self._acknowledged.value = int(number)
        return True


def beat() -> None:
    """What a canary has a worker do."""
    if _current is not None:
        _current.ran()
