"""From a worker to SQS: each event passes the fault book, then waits for its time, then is sent by one thread.

1. `emit` notes the event in the journal and asks what happens to it: lost, doubled, delayed, reordered, malformed.
2. What is to be sent stands in a heap by time and number. A reordered one waits for the next event of its job, at most `seconds`.
3. The thread sends up to ten at once, in order. What could not be sent is tried again; after ten tries it is given up, and the journal says so.
"""

from __future__ import annotations

import heapq
import itertools
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .clock import Clock
from .faults import Fault, FaultBook
from .journal import Journal
from .state import Job

BATCH = 10
TRIES = 10
PAUSE_S = 0.5
_EVENT_FAULTS = (Fault.EVENT_LOST, Fault.EVENT_MALFORMED, Fault.EVENT_DOUBLED, Fault.EVENT_DELAYED, Fault.EVENT_REORDERED)


class Events:
    """Args: send: puts one to ten bodies on the queue; None when there is no queue: then events end in the journal."""

    def __init__(self, clock: Clock, faults: FaultBook, journal: Journal, send: Callable[[str, list[str]], None] | None) -> None:
        self._clock, self._faults, self._journal, self._send = clock, faults, journal, send
        self._heap: list[tuple[float, int, str, str]] = []  # when, number, region, body
        self._held: dict[str, list[int]] = {}  # numbers of each job's reordered events
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def emit(self, job: Job, event: dict[str, Any]) -> None:
        """Hand on an event of a job, with what the fault book does to it."""
        status = str(event.get("detail", {}).get("status", ""))
        subject = job.subject(status=status)
        hit = {fault: rule for fault in _EVENT_FAULTS if (rule := self._faults.take(fault, subject)) is not None}
        self._journal.write("event", job=job.id, region=job.region, id=event.get("id"), status=status, faults=[str(fault) for fault in hit])
        if Fault.EVENT_LOST in hit:
            return
        body = json.dumps(event)
        if Fault.EVENT_MALFORMED in hit:
            body = _malformed(event, body, str(hit[Fault.EVENT_MALFORMED].params.get("how", "json")))
        copies = 2 if Fault.EVENT_DOUBLED in hit else 1
        now = self._clock.now()
        if Fault.EVENT_REORDERED in hit:
            self._hold(job, body, copies, now + float(hit[Fault.EVENT_REORDERED].params.get("seconds", 1)))
            return
        delay = float(hit[Fault.EVENT_DELAYED].params.get("seconds", 30)) if Fault.EVENT_DELAYED in hit else 0.0
        self._push(job, body, copies, now + delay)

    def _hold(self, job: Job, body: str, copies: int, latest: float) -> None:
        with self._lock:
            for _ in range(copies):
                number = next(self._numbers)
                self._held.setdefault(job.id, []).append(number)
                heapq.heappush(self._heap, (latest, number, job.region, body))
        self._some.set()

    def _push(self, job: Job, body: str, copies: int, due: float) -> None:
        with self._lock:
            for _ in range(copies):
                heapq.heappush(self._heap, (due, next(self._numbers), job.region, body))
            overtaken = set(self._held.pop(job.id, ()))
            if overtaken:
                moved = [(due, next(self._numbers), *entry[2:]) if entry[1] in overtaken else entry for entry in sorted(self._heap)]
                self._heap = sorted(moved)
        self._some.set()

    def _deliver(self) -> None:
        while not self._stop.is_set():
            region, bodies = self._due()
            if bodies:
                self._send_all(region, bodies)
            else:
                self._wait()
        self._flush()

    def _flush(self) -> None:
        """Send what is due before the end, once each."""
        while (found := self._due())[1]:
            self._send_all(*found)

    def _due(self) -> tuple[str, list[str]]:
        """Take what is due next: as many as go in one message, of one region."""
        now, region = self._clock.now(), ""
        bodies: list[str] = []
        with self._lock:
            while self._heap and self._heap[0][0] <= now and len(bodies) < BATCH and region in ("", self._heap[0][2]):
                _, _, region, body = heapq.heappop(self._heap)
                bodies.append(body)
            if not self._heap:
                self._some.clear()
        return region, bodies

    def _wait(self) -> None:
        with self._lock:
            next_due = self._heap[0][0] if self._heap else None
        if next_due is None:
            self._some.wait(1.0)
        else:
            self._clock.wait_until(min(next_due, self._clock.now() + 0.05), self._stop)  # an earlier one may come meanwhile

    def _send_all(self, region: str, bodies: list[str]) -> None:
        if self._send is None:
            return
        for attempt in range(1, TRIES + 1):
            try:
                self._send(region, bodies)
                self._journal.write("events_sent", region=region, count=len(bodies))
                return
            except (OSError, BotoCoreError, ClientError) as error:
                print(f"events: could not be sent ({attempt}/{TRIES}): {error}", file=sys.stderr)
            if self._stop.wait(PAUSE_S):
                break
        self._journal.write("events_given_up", region=region, count=len(bodies))

    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        with self._lock:
            return not self._heap

    def forget(self) -> None:
        with self._lock:
            self._heap.clear()
            self._held.clear()

    def close(self) -> None:
        self._stop.set()
        self._some.set()
        self._clock.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=10)


def _malformed(event: dict[str, Any], body: str, how: str) -> str:
    """`json`: cut in the middle. `fields`: well-formed, but without the job's id and with a status nobody knows."""
    if how == "fields":
        detail = {name: value for name, value in event.get("detail", {}).items() if name != "jobId"} | {"status": "??"}
        return json.dumps(event | {"detail": detail})
    return body[: len(body) // 2]
