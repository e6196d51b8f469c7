"""One django-q2 cluster in a process of its own: `manage.py run_cluster`, started by the supervisor.

The process is the cluster's sentinel itself. What django-q2 1.11.1 does not do, measured: a killed monitor leaves the results' lock held and
wedges the cluster for ever; a killed idle worker may do so with the tasks' lock; children outlive a killed parent. So every process dies with
its parent, and the sentinel looks in every cycle whether messages wait that free hands do not take, and whether its canary came through
(pulse.py). It writes what it sees to its supervisor: `.` for a cycle, `W` when the cluster must be replaced. The supervisor also replaces a
cluster that writes nothing.
"""

from __future__ import annotations

import multiprocessing.queues
import os
import signal
import threading
import time
import uuid
from typing import Any

import structlog

from . import figures
from .pulse import Pulse

log = structlog.get_logger(__name__)

BEAT_FD_VARIABLE = "HOLDFAST_BEAT_FD"
BEAT = b"."
WEDGED = b"W"
STUCK_TASKS_SECONDS = 20.0
STUCK_RESULTS_SECONDS = 60.0  # results only acknowledge: no hurry


def run_cluster(queue: str, *, parent_pid: int) -> None:
    """Run a cluster until it is told to stop. The environment (Q_CLUSTER_NAME, the two pipes) is the supervisor's.

    Raises:
        RuntimeError: this process was started with the settings of another queue.
    """
    from django_q.conf import Conf
    from django_q.signals import post_spawn

    from resilience.parentage import die_with_parent, forks_die_with_this_process

    die_with_parent(parent_pid)
    if queue != Conf.CLUSTER_NAME:
        raise RuntimeError(f"This process was started for the queue {queue}, its settings are those of {Conf.CLUSTER_NAME}.")
    forks_die_with_this_process()
    post_spawn.connect(_begin_work, weak=False)
    pulse = Pulse(queue)
    pulse.attach()
    cycle = Cycle(queue, int(os.environ[BEAT_FD_VARIABLE]), pulse)
    sentinel = _sentinel(cycle)
    sentinel.broker.pulse = pulse
    cycle.sentinel = sentinel
    signal.signal(signal.SIGTERM, lambda *_: cycle.set())
    sentinel.start()


class Cycle:
    """Stands in for the sentinel's stop event: its `wait` is called once per guard cycle, which makes it the place to look around."""

    def __init__(self, queue: str, beat_fd: int, pulse: Pulse) -> None:
        self.sentinel: Any = None
        self._queue = queue
        self._beat_fd = beat_fd
        self._stop = threading.Event()
        self._pulse = pulse
        self._tasks = Progress(STUCK_TASKS_SECONDS)
        self._results = Progress(STUCK_RESULTS_SECONDS)

    def is_set(self) -> bool:
        return self._stop.is_set()

    def set(self) -> None:
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        from .stopping import stop_requested

        self.tell(WEDGED if self._is_wedged() else BEAT)
        figures.look(self._queue, self.sentinel, canary_age=self._pulse.age(time.monotonic()))
        return bool(stop_requested()) or self._stop.wait(seconds)

    def tell(self, word: bytes) -> None:
        try:
            os.write(self._beat_fd, word)
        except BlockingIOError:
            return  # the supervisor is slow to read; what is in the pipe says we live

    def _is_wedged(self) -> bool:
        now = time.monotonic()
        tasks, results = self.sentinel.task_queue, self.sentinel.result_queue
        someone_is_free = any(worker.timer.value == -1 for worker in self.sentinel.pool)
        stuck = {
            "tasks": self._tasks.stuck(now, waiting=tasks.waiting() and someone_is_free, taken=tasks.taken.value),
            "results": self._results.stuck(now, waiting=results.waiting(), taken=results.taken.value),
            "canary": self._pulse.look(now, someone_is_free=someone_is_free),
        }
        if any(stuck.values()):
            log.error("cluster.stands_still", because=[name for name, is_stuck in stuck.items() if is_stuck], canary_age=round(self._pulse.age(now), 1))
        return any(stuck.values())


class Progress:
    """Whether a queue stands still: something waited at every look for `patience` seconds, and nothing was taken meanwhile."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._taken = -1

    def stuck(self, now: float, *, waiting: bool, taken: int) -> bool:
        if not waiting or taken != self._taken:
            self._since, self._taken = (now if waiting else None), taken
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._patience


def _sentinel(cycle: Cycle) -> Any:
    """Build django-q2's sentinel, with queues that count what is taken and a monitor whose violent death is not papered over."""
    from django_q.cluster import Sentinel
    from django_q.conf import Conf
    from django_q.queues import Queue, SharedCounter

    from resilience.parentage import process_name

    class CountedQueue(Queue):  # type: ignore[misc]
        def __init__(self, maxsize: int = 0) -> None:
            super().__init__(maxsize=maxsize)
            self.taken = SharedCounter(0)

        def get(self, *args: Any, **kwargs: Any) -> Any:
            item = super().get(*args, **kwargs)
            self.taken.increment(1)
            return item

        def waiting(self) -> bool:
            # Not django-q2's counter, which a killed process leaves wrong: what is in the pipe.
            return not multiprocessing.queues.Queue.empty(self)

    class WatchedSentinel(Sentinel):  # type: ignore[misc]
        def spawn_process(self, target: Any, *args: Any) -> Any:
            with process_name(f"task-{target.__name__}"):  # worker, monitor or pusher: a fork has its parent's name
                return super().spawn_process(target, *args)

        def reincarnate(self, process: Any) -> None:
            killed = process.exitcode is not None and process.exitcode < 0
            if process is self.monitor and killed:
                cycle.tell(WEDGED)
            role = "monitor" if process is self.monitor else "pusher" if process is self.pusher else "worker"
            figures.replaced(Conf.CLUSTER_NAME, process, role=role)
            super().reincarnate(process)

    sentinel = WatchedSentinel(cycle, threading.Event(), uuid.uuid4(), start=False)
    sentinel.task_queue = CountedQueue(maxsize=Conf.QUEUE_LIMIT)
    sentinel.result_queue = CountedQueue()
    return sentinel


def _begin_work(**_signal: Any) -> None:
    """In a new worker: a SIGTERM meant for everyone (a service manager sends it so) must not cut a body; the supervisor says when to stop."""
    from resilience.circuits import warm_up

    signal.signal(signal.SIGTERM, lambda *_: None)
    warm_up()
