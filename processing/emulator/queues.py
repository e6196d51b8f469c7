"""On-demand queues of each region: `Default` is always there; a paused queue keeps its jobs SUBMITTED."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .errors import BadRequest, Conflict, NotFound

DEFAULT = "Default"
MOST = 10  # on-demand queues of a region, the default one included


@dataclass(slots=True)
class Queue:
    """One queue. Times in seconds since 1970; `most` is how many of its jobs may run at once (None: as many as the emulator runs)."""

    name: str
    arn: str
    region: str
    created: float
    updated: float
    description: str = ""
    paused: bool = False
    most: int | None = None

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT


class Queues:
    """All queues of all regions.

    Attributes:
        opened: called after a change that may let jobs go.
        changed: called with the queue (None: it was deleted) and its ARN after each change, under the lock.
    """

    def __init__(self, clock: Clock, account: str) -> None:
        self._clock, self._account = clock, account
        self._queues: dict[tuple[str, str], Queue] = {}
        self._lock = threading.RLock()
        self.opened: Callable[[], None] = lambda: None
        self.changed: Callable[[Queue | None, str], None] = lambda queue, arn: None

    def find(self, region: str, name_or_arn: str) -> Queue:
        """Return a queue by its name or ARN; the default one when neither is given.

        Raises:
            NotFound: there is none in this region.
        """
        name = name_or_arn or DEFAULT
        if name.startswith("arn:"):
            head, _, name = name.rpartition(":queues/")
            if head != f"arn:aws:mediaconvert:{region}:{self._account}":
                raise NotFound(f"The specified queue doesn't exist: {name_or_arn}")
        with self._lock:
            if name == DEFAULT and (region, name) not in self._queues:
                default = self._insert(region, name)
                self.changed(default, default.arn)
            queue = self._queues.get((region, name))
        if queue is None:
            raise NotFound(f"The specified queue doesn't exist: {name_or_arn}")
        return queue

    def _insert(self, region: str, name: str) -> Queue:
        now = self._clock.now()
        queue = Queue(name, f"arn:aws:mediaconvert:{region}:{self._account}:queues/{name}", region, now, now)
        self._queues[region, name] = queue
        return queue

    def create(self, region: str, request: dict[str, Any]) -> Queue:
        """Raises: Conflict: the name is taken. BadRequest: too many, or a reserved one, which is not emulated."""
        _only_on_demand(request)
        with self._lock:
            self.find(region, DEFAULT)
            if (region, request["Name"]) in self._queues:
                raise Conflict(f"A queue with name {request['Name']} already exists.")
            if len(self.of(region)) >= MOST:
                raise BadRequest(f"You have the maximum of {MOST} on-demand queues.")
            queue = self._insert(region, request["Name"])
            self._set(queue, request)
            self.changed(queue, queue.arn)
        return queue

    def update(self, region: str, request: dict[str, Any]) -> Queue:
        """Raises: NotFound, BadRequest."""
        _only_on_demand(request)
        with self._lock:
            queue = self.find(region, request["Name"])
            self._set(queue, request)
            queue.updated = self._clock.now()
            self.changed(queue, queue.arn)
        self.opened()
        return queue

    def _set(self, queue: Queue, request: dict[str, Any]) -> None:
        queue.description = request.get("Description", queue.description)
        queue.paused = request["Status"] == "PAUSED" if "Status" in request else queue.paused
        queue.most = request.get("ConcurrentJobs", queue.most)

    def delete(self, region: str, name: str, *, jobs_left: int) -> None:
        """Raises: NotFound. Conflict: it is the default one, or has jobs that did not end."""
        with self._lock:
            queue = self.find(region, name)
            if queue.is_default:
                raise Conflict("You can't delete the default queue.")
            if jobs_left:
                raise Conflict(f"You can't delete the queue {name}: it contains unprocessed jobs.")
            del self._queues[region, queue.name]
            self.changed(None, queue.arn)

    def of(self, region: str) -> list[Queue]:
        with self._lock:
            return [queue for queue in self._queues.values() if queue.region == region]

    def all(self) -> list[Queue]:
        with self._lock:
            return list(self._queues.values())

    def put(self, queue: Queue) -> None:
        """Take in a queue read from disk."""
        with self._lock:
            self._queues[queue.region, queue.name] = queue

    def is_open(self, region: str, arn: str) -> Queue | None:
        """Return the queue if its jobs may be started."""
        with self._lock:
            queue = self._queues.get((region, arn.rpartition("/")[2]))
        return None if queue is None or queue.paused else queue

    def forget(self) -> None:
        with self._lock:
            self._queues.clear()


def _only_on_demand(request: dict[str, Any]) -> None:
    if request.get("PricingPlan") == "RESERVED" or "ReservationPlanSettings" in request:
        raise BadRequest("/reservationPlanSettings: reserved queues are not supported by the emulator")
    if "MaximumConcurrentFeeds" in request:
        raise BadRequest("/maximumConcurrentFeeds: Elemental Inference is not supported by the emulator")
    if request.get("ConcurrentJobs", 1) < 1:
        raise BadRequest("/concurrentJobs: Should be greater than or equal to 1")
