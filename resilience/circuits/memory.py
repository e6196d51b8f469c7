"""What one process keeps of a circuit: whether calls go through just now, and how they went. Nothing here waits for anybody.

`pass_until` and `refuse_until` are all a healthy or a refused call looks at; everything else moves them.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import replace

from resilience.models.circuits import CircuitState

from .figures import Figures
from .limits import Counts, Limits
from .local import LocalCircuit
from .statements import Batch
from .view import ENDLESS, NEVER, STALE_SECONDS, Permit, Snapshot, Verdict
from .window import Window

FRESH_SECONDS = 2.0  # the keeper reads every second; what is older is looked at with each call
LOOK_AGAIN_SECONDS = 0.25
GRANTED_SECONDS = 1.0  # how long a lease that came too late for its caller waits for the next one

_CLOSED = (CircuitState.CLOSED, CircuitState.FORCED_CLOSED)


class Memory(ABC):
    """Its lock is held for a few microseconds at a time, never over a call nor over a question to the database."""

    def __init__(self, key: str, *, memory_only: bool) -> None:
        self.key = key
        self.memory_only = memory_only
        self.seen = Snapshot()
        self.local = LocalCircuit()
        self.permit = Permit()
        self.pass_until = self.refuse_until = self.retry_at = 0.0
        # How calls went since the process began. Threads add to them without a lock: one lost to a race is one call less in a rate.
        self.quick = self.slow = self.failures = self.ignored = self.refused = 0
        self._harvested = 0
        self._figures = Figures(key)
        self._unsent = Window()
        self._error = ""
        self.cause = ""  # the last failure in words, or why an operator closed the way
        self._granted: Permit | None = None
        self._granted_until = 0.0
        self._adopted = -1
        self.guard = threading.Lock()

    @abstractmethod
    def limits(self) -> Limits:
        """Return the limits that count just now."""

    def after_fork(self) -> None:
        """In a child: its parent tells what happened so far, and no thread of its own holds the lock."""
        self.guard = threading.Lock()
        self._figures.forget(self)
        self._unsent.clear()
        self._harvested, self._granted = self.quick, None
        self.pass_until = self.refuse_until = 0.0  # the next call finds a keeper of this process

    def tell_figures(self) -> None:
        with self.guard:
            self._figures.tell(self)

    def learn(self, seen: Snapshot) -> None:
        """Take over what the database said. Results from before a transition count no more, but for those of a time when nobody was there to ask."""
        now = time.monotonic()
        with self.guard:
            if seen.version != self.seen.version and now - self.seen.read_at <= STALE_SECONDS:
                self._harvest(now)
                self._unsent.clear()
                self.local.close()
            if self._granted is not None and self._granted.version != seen.version:
                self._granted = None
            self.seen = seen
            self.cause = seen.cause or self.cause
            self.set_gates(now)

    def set_gates(self, now: float) -> Verdict:
        """Reckon until when calls pass or are refused without another thought. Under the lock."""
        verdict = self.judge(now)
        self.pass_until = self.refuse_until = 0.0
        if self._granted is not None:
            return verdict
        fresh_until = now + 1.0 if verdict is Verdict.ALONE else max(self.seen.read_at + FRESH_SECONDS, now + LOOK_AGAIN_SECONDS)
        if verdict is Verdict.REFUSE:
            self.retry_at = self.seen.until
            self.refuse_until = min(self.retry_at, fresh_until)
        elif verdict in (Verdict.PASS, Verdict.ALONE):
            forced = self.seen.is_forced(now)
            if forced or self.local.is_closed:
                self.pass_until = min(fresh_until, self.seen.forced_until if forced else ENDLESS)
                self._renew_permit(verdict, counted=not forced or self.seen.state is not CircuitState.DISABLED)
            elif now < self.local.until:
                self.retry_at = self.local.until
                self.refuse_until = min(self.retry_at, fresh_until)
        return verdict

    def judge(self, now: float) -> Verdict:
        if self.memory_only:
            return Verdict.ALONE
        verdict = self.seen.judge(now)
        if verdict is Verdict.ALONE and self.seen.state in (CircuitState.OPEN, CircuitState.HALF_OPEN) and self._adopted != self.seen.version:
            self._adopted = self.seen.version  # what the fleet knew last is where this process goes on alone
            self.local.rest(self.seen.until)
        return verdict

    def ask_locally(self, now: float) -> tuple[Verdict, Permit | None]:
        """Return leave if this process can give it, and what the fleet's state says. Neither leave nor TRIAL means no."""
        with self.guard:
            self._harvest(now)
            verdict = self.set_gates(now)
            if self._granted is not None and now < self._granted_until:
                permit, self._granted = self._granted, None
                self.set_gates(now)
                return verdict, permit
            if now < self.pass_until:
                return verdict, self.permit
            if verdict in (Verdict.PASS, Verdict.ALONE) and (number := self.local.begin_trial(now, self.limits())) is not None:
                self.set_gates(now)
                return verdict, Permit(self.version_now(verdict), local_trial=number)
            return verdict, None

    def version_now(self, verdict: Verdict) -> int | None:
        return None if verdict is Verdict.ALONE else self.seen.version

    def move_locally(self, state: CircuitState) -> None:
        """Move by hand, where the circuit is this process's alone."""
        now = time.monotonic()
        with self.guard:
            self._harvest(now)
            if state is CircuitState.CLOSED:
                self.local.close()
            else:
                self.local.rest(now if state is CircuitState.HALF_OPEN else now + self.limits().open_time(0))
            self.set_gates(now)

    def keep_granted(self, permit: Permit) -> None:
        """A lease came after its caller had gone on: the next call may have it."""
        with self.guard:
            self._granted, self._granted_until = permit, time.monotonic() + GRANTED_SECONDS
            self.set_gates(time.monotonic())

    def give_up_granted(self) -> Permit | None:
        """Return a lease that nobody came for, so that it can be given back."""
        with self.guard:
            if self._granted is None or time.monotonic() < self._granted_until:
                return None
            permit, self._granted = self._granted, None
            self.set_gates(time.monotonic())
            return permit

    def count(self, permit: Permit, counts: Counts, error: str = "") -> CircuitState | None:
        """Count one call that failed, was slow, or was a trial of this process; return the state this led to here, if it did. Late ones count no more."""
        now, limits = time.monotonic(), self.limits()
        with self.guard:
            if not permit.counted or not (permit.version is None or permit.version == self.seen.version):
                return None
            self._harvest(now)
            self._unsent.add(now, limits.window_seconds, counts)
            if error:
                self._error = self.cause = error
            led_to = self._count_here(permit, counts, now, limits)
            self.set_gates(now)
            return led_to

    def release(self, permit: Permit) -> None:
        with self.guard:
            self.local.trial_released(permit.local_trial, now=time.monotonic())
            self.set_gates(time.monotonic())

    def trial_ended(self, permit: Permit, *, good: bool, error: str = "") -> None:
        """The fleet's trial: until the database has heard of it and says otherwise, go by what it will say."""
        now = time.monotonic()
        with self.guard:
            if permit.version != self.seen.version:
                return
            resting = {"state": CircuitState.OPEN, "open_until": now + self.limits().open_seconds, "cause": error}
            self.seen = replace(self.seen, trial_until=NEVER) if good else replace(self.seen, **resting)  # type: ignore[arg-type]
            self.set_gates(now)

    def take(self, *, also_healthy: bool) -> Batch | None:
        """Return what is to be told, and count it as told: failures and slow calls with the calls around them, or `also_healthy` those that
        went well here while they fail elsewhere."""
        now, limits = time.monotonic(), self.limits()
        with self.guard:
            self._harvest(now)
            if self.memory_only or not self.seen.known or now - self.seen.read_at > STALE_SECONDS:
                return None
            counts = self._unsent.counts(now, limits.window_seconds)
            if self.seen.state not in _CLOSED:
                self._unsent.clear()
                return None
            if not (counts.failed or counts.slow or (counts.calls and also_healthy and self.seen.failing)):
                return None
            self._unsent.clear()
            error, self._error = self._error, ""
            return Batch(self.key, self.seen.version, counts, error, limits)

    def give_back(self, batch: Batch) -> None:
        """The database did not hear it. One that heard and could not say so hears it twice: calls and failures alike, so the share stays."""
        with self.guard:
            if batch.version == self.seen.version:
                self._unsent.add(time.monotonic(), batch.limits.window_seconds, batch.counts)
                self._error = self._error or batch.error

    def _count_here(self, permit: Permit, counts: Counts, now: float, limits: Limits) -> CircuitState | None:
        if permit.local_trial:
            return self.local.trial_ended(permit.local_trial, good=not counts.failed, now=now, limits=limits)
        if self.seen.is_forced(now):
            return None
        return CircuitState.OPEN if self.local.count(now, limits, counts) else None

    def _harvest(self, now: float) -> None:
        """Move what healthy calls left in `quick` into the windows, and tell the figures where nobody else does. Under the lock."""
        if self.memory_only:
            self._figures.tell(self)
        fresh, self._harvested = self.quick - self._harvested, self.quick
        if fresh > 0 and self.permit.counted:
            seconds = self.limits().window_seconds
            self.local.window.add(now, seconds, Counts(fresh))
            self._unsent.add(now, seconds, Counts(fresh))

    def _renew_permit(self, verdict: Verdict, *, counted: bool) -> None:
        version = self.version_now(verdict)
        if self.permit.version != version or self.permit.counted != counted:
            self.permit = Permit(version, counted=counted)
