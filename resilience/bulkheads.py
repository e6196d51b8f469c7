"""How many calls one process makes to a dependency at once, so that one that hangs cannot hold every thread.

Full means: refused at once, with a time to come back. Nobody waits in a line without end: who declared a `patience` waits that long, and no
more than `limit` wait at a time.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue

from django.conf import settings

from resilience.circuits.errors import CircuitOpen
from resilience.errors import ASK_FOR_HELP, Category, Entry, Fault, Retry, wait
from resilience.metrics import counter

RETRY_AFTER_SECONDS = 2.0
_REFUSED = counter("holdfast_bulkhead_refusals_total", "Calls refused because as many were under way as may be.", ["dependency"])


class DependencyBusy(CircuitOpen):
    """As many calls as may be are under way. To callers it is what an open circuit is: not made, come back later, no try spent."""

    entry = Entry(
        code="DEPENDENCY_BUSY",
        title="Too much at once for a part of the system",
        what_happened="Something we need for this is answering as many requests as we send it at a time, so we did not send another one.",
        actions=(wait("Nothing to do: we try again by ourselves"), ASK_FOR_HELP),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="warning",
        fields=("circuit", "limit"),
        runbook="See whether the dependency has become slow (its circuit's page, holdfast_bulkhead_in_flight). If it is only load, raise BULKHEAD_LIMITS.",
        examples=({"circuit": "s3", "limit": 30},),
    )  # fmt: skip

    def __init__(self, *, circuit: str, limit: int) -> None:
        super().__init__(circuit=circuit, retry_after=RETRY_AFTER_SECONDS)
        self.fields = {"circuit": circuit, "limit": limit}


class Bulkhead:
    """The places of one dependency in this process. `enter` takes one, `leave` gives it back; each costs about 0.1 µs.

    Args:
        limit: calls at once.
        patience: seconds one may wait for a place; 0 refuses at once.
    """

    def __init__(self, name: str, *, limit: int, patience: float = 0.0) -> None:
        self.name, self.limit, self.patience = name, limit, patience
        self._refused = _REFUSED.labels(name)
        self.refill()

    def refill(self) -> None:
        """Make every place free: in a child, whose parent's threads hold them for ever."""
        places: SimpleQueue[None] = SimpleQueue()
        for _ in range(self.limit):
            places.put(None)
        self._places = places
        self._waiting: SimpleQueue[None] = SimpleQueue()
        for _ in range(self.limit):
            self._waiting.put(None)

    def enter(self) -> SimpleQueue[None]:
        """Take a place; give what is returned to `leave`.

        Raises:
            DependencyBusy: there is none.
        """
        places = self._places
        try:
            places.get_nowait()
        except Empty:
            self._wait(places)
        return places

    def leave(self, places: SimpleQueue[None]) -> None:
        places.put(None)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold a place for a block. Raises: DependencyBusy."""
        places = self.enter()
        try:
            yield
        finally:
            places.put(None)

    @property
    def in_flight(self) -> int:
        return self.limit - self._places.qsize()

    def _wait(self, places: SimpleQueue[None]) -> None:
        waiting = self._waiting
        try:
            if not self.patience:
                raise Empty
            waiting.get_nowait()
            try:
                places.get(timeout=self.patience)
            finally:
                waiting.put(None)
        except Empty:
            self._refused.inc()
            raise DependencyBusy(circuit=self.name, limit=self.limit) from None


_PATIENCE: dict[str, float] = {}
_BULKHEADS: dict[str, Bulkhead] = {}
_LOCK = threading.Lock()


def patient(name: str, *, seconds: float) -> None:
    """Declare that callers of a dependency may wait a little for a place. Before its first call."""
    _PATIENCE[name] = seconds


def bulkhead(name: str) -> Bulkhead:
    """Return this process's places of a dependency."""
    found = _BULKHEADS.get(name)
    if found is None:
        with _LOCK:
            limit = settings.BULKHEAD_LIMITS.get(name, settings.BULKHEAD_LIMIT)
            found = _BULKHEADS.setdefault(name, Bulkhead(name, limit=limit, patience=_PATIENCE.get(name, 0.0)))
    return found


def in_flight() -> Mapping[str, tuple[int, int]]:
    """Calls under way and how many may be, by dependency, in this process."""
    return {name: (found.in_flight, found.limit) for name, found in sorted(_BULKHEADS.items())}


def _after_fork() -> None:
    global _LOCK
    _LOCK = threading.Lock()
    for found in _BULKHEADS.values():
        found.refill()


os.register_at_fork(after_in_child=_after_fork)
