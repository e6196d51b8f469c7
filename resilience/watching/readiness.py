"""Whether this process is ready to serve: registered checks, each with a time limit, asked at most every few seconds whoever asks us how often.

    from resilience.watching.readiness import degraded, ok, readiness

    @readiness("cache", critical=False)
    def cache() -> Health:
        return ok("Valkey answers.") if … else degraded("Counting in this process; Valkey does not answer.")

A check runs in a thread of its own and may take `seconds`. One that does not come back is reported, and not asked again until it does: a hanging
dependency costs one thread, not one per question. What it raises is reported as unavailable; it need not rescue.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock, Thread

import structlog
from django.conf import settings
from django.db import connections

from resilience.database import PoolFull
from resilience.naming import require_sole

log = structlog.get_logger(__name__)

FRESH_SECONDS = 3.0


class State(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Health:
    """`said` is for operators."""

    state: State
    said: str = ""


def ok(said: str = "") -> Health:
    return Health(State.OK, said)


def degraded(said: str) -> Health:
    """It works, worse than it should."""
    return Health(State.DEGRADED, said)


def unavailable(said: str) -> Health:
    """It does not work. Without a critical one this process must get no requests; without another it is degraded."""
    return Health(State.UNAVAILABLE, said)


Look = Callable[[], Health]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    look: Look
    critical: bool
    seconds: float
    every: float


@dataclass(frozen=True, slots=True)
class Part:
    """One check's answer; `took` seconds."""

    name: str
    critical: bool
    health: Health
    took: float


@dataclass(frozen=True, slots=True)
class Readiness:
    parts: tuple[Part, ...] = ()

    @property
    def ready(self) -> bool:
        return not any(part.critical and part.health.state is State.UNAVAILABLE for part in self.parts)

    @property
    def state(self) -> State:
        if not self.ready:
            return State.UNAVAILABLE
        return State.OK if all(part.health.state is State.OK for part in self.parts) else State.DEGRADED

    def state_of(self, name: str) -> State:
        """Return a part's state; one that is not registered is well."""
        return next((part.health.state for part in self.parts if part.name == name), State.OK)


_CHECKS: dict[str, Check] = {}


def readiness(name: str, *, critical: bool, seconds: float = 2.0, every: float = FRESH_SECONDS) -> Callable[[Look], Look]:
    """Register a check.

    Args:
        critical: whether this process cannot serve without it; others only degrade.
        seconds: how long it may take.
        every: seconds for which an answer is good; more where asking costs something.

    Raises:
        ValueError: another check has this name.
    """

    def register(look: Look) -> Look:
        known = _CHECKS.get(name)
        require_sole("readiness checks", name, known=known.look if known else None, new=look)
        _CHECKS[name] = Check(name, look, critical, seconds, every)
        return look

    return register


class _Asked:
    """One question to one check, in a daemon thread: the end of the process waits for nobody."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.health: Health | None = None
        self.began = time.monotonic()
        self.ended = 0.0
        self._thread = Thread(target=self._run, name=f"readiness-{check.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            health = self.check.look()
        except PoolFull:  # of this process, by its own requests: no sign that what was asked about is unwell
            health = degraded("Not looked at: all connections to the database are in use.")
        except Exception as error:  # noqa: BLE001 - whatever a dependency does, it is its health we were asked for
            health = unavailable(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        finally:
            connections.close_all()
        self.health, self.ended = health, time.monotonic()

    def answer(self) -> Part:
        """Wait until the check's time is over, from when it was asked. One that hung before is not waited for again."""
        self._thread.join(max(0.0, self.began + self.check.seconds - time.monotonic()))
        health = self.health or unavailable(f"No answer in {time.monotonic() - self.began:.0f} s.")
        return Part(self.check.name, self.check.critical, health, (self.ended or time.monotonic()) - self.began)

    @property
    def is_good(self) -> bool:
        """Whether it need not be asked again: it still hangs, or has answered lately."""
        return self.health is None or time.monotonic() - self.ended < self.check.every


@dataclass
class _Last:
    """What was answered last. `asking` is held by the request that asks; others are given what there is."""

    answer: Readiness | None = None
    until: float = 0.0
    ahead: float = 0.0
    asked: dict[str, _Asked] = field(default_factory=dict)
    asking: Lock = field(default_factory=Lock)


_last = _Last()


def forget() -> None:
    """Ask afresh at the next question: in a forked child, and between tests."""
    global _last
    _last = _Last()


os.register_at_fork(after_in_child=forget)


def current(*, fresh_seconds: float = FRESH_SECONDS) -> Readiness:
    """Return how things stand, no older than `fresh_seconds` unless somebody is asking just now."""
    last = _last
    if last.answer is not None and (time.monotonic() < last.until or not last.asking.acquire(blocking=False)):
        return last.answer
    if last.answer is None:
        last.asking.acquire()
    try:
        if last.answer is None or time.monotonic() >= last.until:
            before, last.answer = last.answer, _ask(last)
            last.until = time.monotonic() + fresh_seconds
            _tell(before, last.answer)
        return last.answer
    finally:
        last.asking.release()


def latest(*, every: float = 10.0) -> Readiness | None:
    """Return what was answered last without waiting for anything, None at first. What is old is asked again meanwhile, for whoever comes next."""
    last = _last
    if settings.READINESS_AHEAD and time.monotonic() >= last.ahead:
        last.ahead = time.monotonic() + every
        Thread(target=current, name="readiness", daemon=True).start()
    return last.answer


def _ask(last: _Last) -> Readiness:
    for check in _CHECKS.values():
        known = last.asked.get(check.name)
        if known is None or known.check is not check or not known.is_good:
            last.asked[check.name] = _Asked(check)
    return Readiness(tuple(last.asked[name].answer() for name in _CHECKS))


def _tell(before: Readiness | None, now: Readiness) -> None:
    known = {part.name: part.health.state for part in before.parts} if before else {}
    for part in now.parts:
        if known.get(part.name, State.OK) is not part.health.state:
            log.warning("readiness.changed", part=part.name, state=str(part.health.state), said=part.health.said)
