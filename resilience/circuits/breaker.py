"""A circuit of the whole fleet, with pybreaker's API.

What is kept of pybreaker: constructor, `call`, `calling`, decorator, `exclude`, listeners, `current_state`, CircuitBreakerError. What is not,
measured: its lock over the protected call, a shared write per healthy call, a trial call per process, and listeners fired by every process
that merely sees a change.
"""

from __future__ import annotations

import contextlib
import inspect
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pybreaker
import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from resilience.errors import AppError, Fault
from resilience.models.circuits import CircuitState

from . import transitions
from .errors import CircuitOpen
from .local import LocalCircuit
from .snapshot import CACHE, Snapshot
from .storage import DatabaseStorage

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

ASK_AGAIN_SECONDS = 1.5  # after the database did not answer


def is_users_fault(error: BaseException) -> bool:
    """Catalogue errors that are the user's say nothing about a dependency."""
    return isinstance(error, AppError) and error.entry.fault is Fault.USER


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call. `counted` is False where the circuit is disabled, `local` where the database was away."""

    version: int = 0
    trial: bool = False
    counted: bool = True
    local: bool = False


class FleetCircuit(pybreaker.CircuitBreaker):
    """One per process and name; get it from `circuit(name)`.

    Args:
        fail_max: failures in a row that open it.
        reset_timeout: seconds it stays open the first time; doubled each time a trial fails, 300 at most.
        success_threshold: good trial calls that close it.
        trial_seconds: how long the fleet waits for a trial call's end before it lets another begin.
        exclude: errors that count as neither success nor failure, besides the user's own.
    """

    def __init__(
        self,
        name: str,
        *,
        fail_max: int = 5,
        reset_timeout: float = transitions.OPEN_SECONDS,
        success_threshold: int = 1,
        trial_seconds: float = 60.0,
        exclude: Iterable[Any] = (),
    ) -> None:
        super().__init__(
            fail_max=fail_max,
            reset_timeout=reset_timeout,
            success_threshold=success_threshold,
            exclude=[is_users_fault, CircuitOpen, *exclude],
            state_storage=pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED),  # never asked: ours is below
            name=name,
            throw_new_error_on_trip=False,
        )
        self.key = name
        self._trial_seconds = trial_seconds
        self._local = LocalCircuit(fail_max=fail_max, open_seconds=reset_timeout)
        self._away_until = 0.0
        self._trial_again_at = 0.0

    @property
    def current_state(self) -> str:
        """pybreaker's word for the state: closed, open or half-open."""
        return DatabaseStorage(self.key).state if hasattr(self, "key") else pybreaker.STATE_CLOSED

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `func` if the circuit lets it. No lock is held meanwhile.

        Raises:
            CircuitOpen: the call was not made.
            RuntimeError: inside a database transaction, where no dependency is called.
        """
        with self.calling():
            for listener in self.listeners:
                listener.before_call(self, func, *args, **kwargs)
            return func(*args, **kwargs)

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Guard a block as `call` guards a function."""
        permit = self._ask()
        try:
            yield
        except Exception as error:
            self._failed(permit, error) if self.is_system_error(error) else self._released(permit)
            raise
        except BaseException:  # being stopped says nothing about the dependency
            self._released(permit)
            raise
        else:
            self._succeeded(permit)

    def is_system_error(self, exception: Any) -> bool:
        """Whether an exception counts. Unlike pybreaker's, it knows exception classes that have a metaclass."""
        for exclusion in self.excluded_exceptions:
            excluded: Any = exclusion
            if isinstance(exception, excluded) if inspect.isclass(excluded) else excluded(exception):
                return False
        return True

    def _ask(self) -> Permit:
        _refuse_transactions()
        if time.monotonic() >= self._away_until:
            try:
                return self._ask_fleet()
            except DatabaseFault as fault:
                self._database_is_away(fault)
        wait = self._local.wait_seconds(CACHE.peek(self.key))
        if wait > 0:
            raise CircuitOpen(circuit=self.key, retry_after=wait, cause=CACHE.peek(self.key).cause)
        return Permit(local=True)

    def _ask_fleet(self) -> Permit:
        seen = CACHE.get(self.key)
        if not seen.known:
            transitions.ensure(self.key)
            CACHE.forget()
            seen = CACHE.get(self.key)
        now = time.monotonic()
        if seen.forced_until <= now and seen.state in (CircuitState.FORCED_OPEN, CircuitState.DISABLED):
            transitions.end_forced_time(self.key, version=seen.version)
            CACHE.forget()
            seen = CACHE.get(self.key)
        if seen.state == CircuitState.CLOSED:
            return Permit(seen.version)
        if seen.state == CircuitState.DISABLED:
            return Permit(counted=False)
        if seen.state == CircuitState.FORCED_OPEN:
            raise CircuitOpen(circuit=self.key, retry_after=min(60.0, seen.forced_until - now), cause=seen.cause)
        return self._ask_for_trial(seen, now)

    def _ask_for_trial(self, seen: Snapshot, now: float) -> Permit:
        """Open or half open: one call of the whole fleet may try, once the time is over."""
        until = seen.open_until if seen.state == CircuitState.OPEN else seen.trial_until
        if now >= max(until, self._trial_again_at):
            # Many threads may see the end of the time at once; the database is asked by few of them.
            self._trial_again_at = now + random.uniform(0.2, 0.3)  # noqa: S311
            version = transitions.begin_trial(self.key, lease_seconds=self._trial_seconds)
            CACHE.forget()
            if version is not None:
                self._tell(seen.state, CircuitState.HALF_OPEN)
                return Permit(version, trial=True)
        raise CircuitOpen(circuit=self.key, retry_after=max(1.0, until - now), cause=seen.cause)

    def _succeeded(self, permit: Permit) -> None:
        self._local.succeeded()
        if self._is_recorded(permit):
            with self._patiently():
                self._record_success(permit)
        for listener in self.listeners:
            listener.success(self)

    def _record_success(self, permit: Permit) -> None:
        if permit.trial:
            if transitions.trial_succeeded(self.key, version=permit.version, enough=self.success_threshold):
                self._tell(CircuitState.HALF_OPEN, CircuitState.CLOSED)
            CACHE.forget()
        elif CACHE.peek(self.key).failures:  # a healthy circuit writes nothing
            transitions.forget_failures(self.key, version=permit.version)
            CACHE.forget()

    def _failed(self, permit: Permit, error: Exception) -> None:
        self._local.failed()
        if self._is_recorded(permit):
            with self._patiently():
                self._record_failure(permit, f"{type(error).__name__}: {error}")
                CACHE.forget()
        for listener in self.listeners:
            listener.failure(self, error)

    def _record_failure(self, permit: Permit, text: str) -> None:
        if permit.trial:
            if transitions.trial_failed(self.key, version=permit.version, error=text, open_seconds=self.reset_timeout):
                self._tell(CircuitState.HALF_OPEN, CircuitState.OPEN)
        elif transitions.count_failure(self.key, version=permit.version, error=text, fail_max=self.fail_max, open_seconds=self.reset_timeout):
            log.warning("circuit.opened", circuit=self.key, error=text)
            self._tell(CircuitState.CLOSED, CircuitState.OPEN)

    def _released(self, permit: Permit) -> None:
        self._local.released()
        if permit.trial and self._is_recorded(permit):
            with self._patiently():
                transitions.release_trial(self.key, version=permit.version)

    def _is_recorded(self, permit: Permit) -> bool:
        return permit.counted and not permit.local and time.monotonic() >= self._away_until

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """Write down how a call went, or not at all: the caller gets its result or its own error, whatever the database does."""
        try:
            yield
        except DatabaseFault as fault:
            self._database_is_away(fault)

    def _database_is_away(self, fault: DatabaseFault) -> None:
        self._away_until = time.monotonic() + ASK_AGAIN_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        log.warning("circuit.database_away", circuit=self.key, error=str(fault))
        if not connection.in_atomic_block:
            connection.close()

    def _tell(self, old: str, new: str) -> None:
        """Tell listeners of a transition: only the process that made it does."""
        before, after = (_Named(self, state) for state in (old, new))
        for listener in self.listeners:
            listener.state_change(self, before, after)


class _Named(pybreaker.CircuitBreakerState):
    """A state as listeners see it: its name."""


def _refuse_transactions() -> None:
    """No dependency is called inside a transaction: its locks would be held for as long as the call takes."""
    if connection.in_atomic_block and not getattr(connection.atomic_blocks[-1], "_from_testcase", False):
        raise RuntimeError("A circuit was asked inside a database transaction. Call dependencies outside of it.")
