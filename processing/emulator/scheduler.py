"""Which job runs next: of the open queues the highest priority first, then the oldest; never more at once than the machine or the queue may."""

from __future__ import annotations

import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from .queues import Queues
from .state import Job, Status


class Scheduler:
    """Starts each job in a thread of its own.

    Args:
        concurrency: jobs at once, over all queues and regions.
        run: does the whole work of a job; returns when its thread is free again.
    """

    def __init__(self, queues: Queues, concurrency: int, run: Callable[[Job], None]) -> None:
        self._queues, self._concurrency, self._run = queues, concurrency, run
        self._waiting: dict[tuple[str, str], list[tuple[int, int, Job]]] = defaultdict(list)
        self._running: Counter[tuple[str, str]] = Counter()
        self._idle = threading.Condition(threading.RLock())
        self._closed = False
        queues.opened = self.look

    def submit(self, job: Job) -> None:
        with self._idle:
            heapq.heappush(self._waiting[job.region, job.queue], (-job.priority, job.order, job))
        self.look()

    def look(self) -> None:
        """Start what may be started."""
        with self._idle:
            while not self._closed and self._running.total() < self._concurrency and (job := self._next()) is not None:
                self._running[job.region, job.queue] += 1
                threading.Thread(target=self._work, args=(job,), name=f"job-{job.id}", daemon=True).start()

    def _next(self) -> Job | None:
        ready = [place for place in self._waiting if self._may_start(place)]
        if not ready:
            return None
        return heapq.heappop(self._waiting[min(ready, key=lambda place: self._waiting[place][0][:2])])[2]

    def _may_start(self, place: tuple[str, str]) -> bool:
        heap = self._waiting[place]
        while heap and heap[0][2].status is not Status.SUBMITTED:  # canceled while it waited
            heapq.heappop(heap)
        queue = self._queues.is_open(*place) if heap else None
        return queue is not None and (queue.most is None or self._running[place] < queue.most)

    def _work(self, job: Job) -> None:
        try:
            self._run(job)
        finally:
            with self._idle:
                self._running[job.region, job.queue] -= 1
                self._idle.notify_all()
            self.look()

    def forget(self, *, timeout_s: float = 30.0) -> bool:
        """Drop what waits and wait until nothing runs any more; False if something still does then."""
        with self._idle:
            self._waiting.clear()
            return self._idle.wait_for(lambda: not self._running.total(), timeout_s)

    def close(self) -> None:
        """Start nothing any more."""
        with self._idle:
            self._closed = True
