"""The one thread of a process that speaks with the database about circuits, so that nobody who makes a call ever waits for it.

It reads all circuits once per second, tells what failed at most every 50 ms, and fetches trial leases. A caller waits for a lease for a few
milliseconds; one that comes later is the next caller's. While the database is away everybody goes by what was read last, then by their own
counts, and this thread asks again every second or two.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import util as multiprocessing_util
from typing import TYPE_CHECKING, Protocol

import structlog

from .desk import Desk
from .link import LinkDown, OwnLink
from .view import ENDLESS, STALE_SECONDS, Permit, Snapshot

if TYPE_CHECKING:
    from .breaker import FleetCircuit

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0  # ± 10 %, so that a fleet does not ask in step
PUSH_SECONDS = 0.05
LEASE_WAIT_SECONDS = 0.003
HANGING_SECONDS = 0.05  # a statement that takes longer: nobody waits for what comes after it
FIRST_LOOK_SECONDS = 0.25  # once in a process that nobody warmed up: a call let through blindly would pass by what an operator forced
WARM_UP_SECONDS = 1.0  # a start while the database is away is not held up for long
GOODBYE_SECONDS = 1.0

Job = Callable[[Desk], None]


class Keeping(Protocol):
    """What circuits need of their keeper. Tests have one that does everything at once, inside the test's transaction."""

    def attend(self, circuit: FleetCircuit) -> None:
        """Look after a circuit from now on; on return it has learned what this process knows of it."""
        ...

    def push_soon(self) -> None: ...

    def later(self, job: Job) -> None: ...

    def begin_trial(self, circuit: FleetCircuit, version: int) -> Permit | None:
        """Return the fleet's lease if it comes at once."""
        ...

    def snapshot(self, key: str) -> Snapshot: ...

    def look_soon(self) -> None: ...


class Keeper:
    """Starts its thread when the first circuit asks for it, in a forked child anew."""

    def __init__(self, desk: Callable[[Keeper], Desk] | None = None) -> None:
        self.circuits: dict[str, FleetCircuit] = {}
        self.desk = desk(self) if desk else Desk(OwnLink(), lambda: list(self.circuits.values()))
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._looked = threading.Event()
        self._jobs: deque[Job] = deque()
        self._push_wanted = self._look_wanted = self._begun = self._ended = self._is_away = False
        self._busy_since = ENDLESS
        self._thread: threading.Thread | None = None

    def attend(self, circuit: FleetCircuit) -> None:
        if self.circuits.get(circuit.key) is circuit and self._begun and self._is_alive():
            return
        self.start(FIRST_LOOK_SECONDS)
        with self._guard:
            self.circuits[circuit.key] = circuit
        circuit.learn(self.snapshot(circuit.key))
        self.look_soon()

    def snapshot(self, key: str) -> Snapshot:
        return self.desk.snapshots.get(key) or Snapshot(read_at=self.desk.read_at)

    def start(self, patience: float) -> None:
        """Begin, and wait for the first look at most `patience` seconds; only the first callers do."""
        with self._guard:
            if not self._is_alive() and not self._ended:
                self._thread = threading.Thread(target=self._run, name="circuits", daemon=True)
                self._thread.start()
                multiprocessing_util.Finalize(self, self.stop, exitpriority=10)  # children of multiprocessing skip atexit
        if not self._begun:
            self._looked.wait(patience)
            self._begun = True

    def knows_enough(self) -> None:
        """Let nobody wait for a first look: what the parent read is fresh."""
        self._looked.set()

    def stop(self, patience: float = GOODBYE_SECONDS) -> None:
        """Tell what is left to tell, if the database hears it soon."""
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(patience)

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def push_soon(self) -> None:
        if not self._push_wanted:
            self._push_wanted = True
            self._wake.set()

    def look_soon(self) -> None:
        self._look_wanted = True
        self._wake.set()

    def later(self, job: Job) -> None:
        self._jobs.append(job)
        self._wake.set()

    def begin_trial(self, circuit: FleetCircuit, version: int) -> Permit | None:
        if self.desk.link.away or time.monotonic() - self._busy_since > HANGING_SECONDS:
            return None
        asked = _Asked(circuit, version)
        self.later(asked.answer)
        return asked.wait(LEASE_WAIT_SECONDS)

    def _run(self) -> None:
        push_at = look_at = time.monotonic()
        while not self._ended:
            self._wake.wait(max(0.0, (min(push_at, look_at) if self._push_wanted else look_at) - time.monotonic()))
            self._wake.clear()
            self._do_jobs()
            now = time.monotonic()
            if self._push_wanted and now >= push_at:
                self._push_wanted = False
                push_at = now + PUSH_SECONDS
                self._push_wanted |= not self._patiently(lambda desk: desk.push())
            if self._look_wanted or now >= look_at:
                self._look_wanted = False
                look_at = now + LOOK_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311
                self._patiently(_look)
                self._looked.set()
        self._do_jobs()
        if any(not circuit.seen.known for circuit in self.circuits.values()):
            self._patiently(_look)
        self._patiently(lambda desk: desk.push())
        for circuit in list(self.circuits.values()):
            circuit.tell_figures()
        self.desk.link.close()

    def _do_jobs(self) -> None:
        while self._jobs:
            self._patiently(self._jobs.popleft())

    def _patiently(self, job: Job) -> bool:
        """Do a job. What the database does not hear is lost here, or was kept by whoever asked; this thread goes on whatever happens."""
        self._busy_since = time.monotonic()
        try:
            job(self.desk)
        except LinkDown as down:
            if not self._is_away and self.desk.link.away:
                self._is_away = True
                log.warning("circuits.database_away", error=str(down))
            return False
        except Exception:
            log.exception("circuits.keeper_failed")
            return False
        finally:
            self._busy_since = ENDLESS
        if self._is_away:
            self._is_away = False
            log.info("circuits.database_back")
        return True


class _Asked:
    """A caller's question for the fleet's lease, and its answer, which may come after the caller has gone on."""

    def __init__(self, circuit: FleetCircuit, version: int) -> None:
        self._circuit, self._version = circuit, version
        self._guard = threading.Lock()
        self._answered = threading.Event()
        self._gone = False
        self._permit: Permit | None = None

    def wait(self, seconds: float) -> Permit | None:
        self._answered.wait(seconds)
        with self._guard:
            self._gone = True
            return self._permit

    def answer(self, desk: Desk) -> None:
        try:
            with self._guard:
                if self._gone:
                    return  # nobody waits: no lease is taken that nobody uses
            permit = desk.begin_trial(self._circuit, self._version)
            with self._guard:
                self._permit = permit
                if self._gone and permit is not None:
                    self._circuit.keep_granted(permit)
        finally:
            self._answered.set()


def _look(desk: Desk) -> None:
    desk.push(also_healthy=True)
    desk.look()


_current: Keeping = Keeper()


def keeper() -> Keeping:
    return _current


@contextlib.contextmanager
def kept_by(other: Keeping) -> Iterator[None]:
    """Have another keeper for a while, in tests."""
    global _current
    before, _current = _current, other
    try:
        yield
    finally:
        _current = before


def warm_up() -> None:
    """Read what the fleet knows before the first call needs it. For processes that live long, after the fork that made them."""
    if isinstance(_current, Keeper):
        _current.start(WARM_UP_SECONDS)


def _begin_anew_in_child() -> None:
    """Threads, connections and held locks are the parent's; what it knew is true here too."""
    global _current
    old = _current
    if not isinstance(old, Keeper):
        return
    child = Keeper()
    _inherited.append(old)  # never ended here: its connection is the parent's to close
    child.desk.snapshots, child.desk.read_at = old.desk.snapshots, old.desk.read_at
    if time.monotonic() - old.desk.read_at < STALE_SECONDS:
        child.knows_enough()
    for circuit in list(old.circuits.values()):
        circuit.after_fork()
    _current = child


def _say_goodbye() -> None:
    if isinstance(_current, Keeper):
        _current.stop()


_inherited: list[Keeper] = []
os.register_at_fork(after_in_child=_begin_anew_in_child)
atexit.register(_say_goodbye)
