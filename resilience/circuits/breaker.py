"""A circuit of the whole fleet, with pybreaker's API.

What is kept of pybreaker: constructor, `call`, `calling`, decorator, `exclude`, listeners, `current_state`, CircuitBreakerError. What is not,
measured: its lock over the protected call, a shared write per healthy call, a trial call per process, and listeners fired by every process
that merely sees a change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from queue import SimpleQueue
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import pybreaker
import structlog

from resilience.bulkheads import bulkhead
from resilience.errors import AppError, Fault
from resilience.models.circuits import CircuitState

from .calling import Calling
from .errors import CircuitOpen, refusal
from .figures import TRANSITIONS
from .keeper import keeper
from .limits import Counts, Limits
from .memory import Memory
from .names import THEIRS, Named
from .storage import DatabaseStorage
from .transactions import here, refuse_transaction
from .view import LONGEST_HINT_SECONDS, Permit, Verdict

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

ASK_AGAIN_SECONDS = 0.25  # between two questions of one process for the fleet's lease


def is_users_fault(error: BaseException) -> bool:
    """Catalogue errors that are the user's say nothing about a dependency."""
    return isinstance(error, AppError) and error.entry.fault is Fault.USER


class FleetCircuit(Memory, pybreaker.CircuitBreaker):
    """One per process and name; get it from `circuit(name)`.

    Args:
        fail_max: calls within the window before it judges; where all fail, it opens at just that many.
        reset_timeout: seconds it rests the first time; doubled each time a trial fails, 300 at most.
        success_threshold: good trial calls that close it.
        exclude: errors that count as neither success nor failure, besides the user's own: classes, or functions of the error.
        failure_share, slow_share, slow_seconds, window_seconds, timeout: see Limits.
        memory_only: of this process alone, without the database: for what guards the database itself, or is needed inside transactions.
    """

    find_keeper = staticmethod(keeper)

    def __init__(
        self,
        name: str,
        *,
        fail_max: int = 10,
        reset_timeout: float = 10.0,
        success_threshold: int = 3,
        exclude: Iterable[Any] = (),
        listeners: Sequence[Any] = (),
        failure_share: float = 0.5,
        slow_share: float = 0.8,
        slow_seconds: float = float("inf"),
        window_seconds: float = 30.0,
        timeout: float = 30.0,
        memory_only: bool = False,
    ) -> None:
        Memory.__init__(self, name, memory_only=memory_only)
        self._shares = {"failure_share": failure_share, "slow_share": slow_share}
        self._seconds = {"slow_seconds": slow_seconds, "window_seconds": window_seconds, "timeout": timeout}
        self.slow_seconds, self.never_slow = slow_seconds, slow_seconds == float("inf")
        self._asks_again_at = 0.0
        self._fields = {"circuit": name}
        self._bulkhead = bulkhead(name)
        pybreaker.CircuitBreaker.__init__(
            self,
            fail_max=fail_max,
            reset_timeout=reset_timeout,
            success_threshold=success_threshold,
            exclude=[is_users_fault, CircuitOpen, *exclude],
            listeners=listeners,
            state_storage=pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED),  # never asked: ours is the memory and the keeper's
            name=name,
            throw_new_error_on_trip=False,
        )

    def limits(self) -> Limits:
        return Limits(min_calls=self._fail_max, open_seconds=self._reset_timeout, good_trials=self._success_threshold, **self._shares, **self._seconds)

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `func` if the circuit lets it. No lock is held meanwhile.

        Raises:
            CircuitOpen: the call was not made: it rests, or (DependencyBusy) as many calls are under way as may be.
            RuntimeError: inside a database transaction, where no dependency is called.
        """
        began = monotonic()
        if began < self.refuse_until:
            self.refused += 1
            wait = self.retry_at - began
            raise refusal(self._fields, wait if wait < LONGEST_HINT_SECONDS else LONGEST_HINT_SECONDS, self.cause)
        places = self._bulkhead.enter()
        try:
            if began < self.pass_until:
                permit = self.permit
                if here.connection.in_atomic_block and not self.memory_only:
                    refuse_transaction()
            else:
                permit = self.ask(began)
            if self._listeners:
                for listener in self.listeners:
                    listener.before_call(self, func, *args, **kwargs)
            try:
                result = func(*args, **kwargs)
            except BaseException as error:
                self.went_badly(permit, error, monotonic() - began)
                raise
            if permit is self.permit and not self._listeners and (self.never_slow or monotonic() - began < self.slow_seconds):
                self.quick += 1
            else:
                self.went_well(permit, monotonic() - began)
            return result
        finally:
            places.put(None)

    def calling(self) -> AbstractContextManager[None]:  # type: ignore[override] # pybreaker's is a generator's
        """Guard a block as `call` guards a function."""
        return Calling(self)

    def enter(self, now: float) -> tuple[Permit, SimpleQueue[None]]:
        """Leave for one call that begins now, and the place it holds. Raises as `call`."""
        if now < self.refuse_until:
            self.refused += 1
            raise refusal(self._fields, min(self.retry_at - now, LONGEST_HINT_SECONDS), self.cause)
        places = self._bulkhead.enter()
        try:
            if now >= self.pass_until:
                return self.ask(now), places
            if here.connection.in_atomic_block and not self.memory_only:
                refuse_transaction()
            return self.permit, places
        except BaseException:
            places.put(None)
            raise

    @property
    def current_state(self) -> str:
        """pybreaker's word for the state: closed, open or half-open."""
        return THEIRS[self.local.state if self.memory_only or self.seen.state is CircuitState.CLOSED else self.seen.state]

    @property  # type: ignore[misc] # moved by open, half_open and close, never set
    def state(self) -> Any:
        return Named(self, self.current_state)

    @property
    def fail_counter(self) -> int:
        return self.local.window.counts(monotonic(), self._seconds["window_seconds"]).failed

    def is_system_error(self, exception: Any) -> bool:
        """Whether an exception counts. Unlike pybreaker's, it knows exception classes that have a metaclass."""
        for exclusion in self.excluded_exceptions:
            excluded: Any = exclusion
            if isinstance(exception, excluded) if inspect.isclass(excluded) else excluded(exception):
                return False
        return True

    def ask(self, now: float) -> Permit:
        """Leave for one call, by whoever may give it just now. Raises as `call`."""
        if not self.memory_only:
            if here.connection.in_atomic_block:
                refuse_transaction()
            self.find_keeper().attend(self)
            now = monotonic()  # it may just have been told something newer
        verdict, permit = self.ask_locally(now)
        if permit is None and verdict is Verdict.TRIAL and now >= self._asks_again_at:
            self._asks_again_at = now + ASK_AGAIN_SECONDS  # many threads may see the end of a rest at once: one asks
            permit = self.find_keeper().begin_trial(self, self.seen.version)
            if permit is None:
                permit = self.ask_locally(monotonic())[1]  # it may have closed meanwhile
            if permit is not None:
                self._asks_again_at = 0.0
        if permit is None:
            self.refused += 1
            wait = max(self.retry_at - now, 1.0) if now < self.retry_at else 1.0
            raise CircuitOpen(circuit=self.key, retry_after=min(wait, LONGEST_HINT_SECONDS), cause=self.cause)
        return permit

    def went_well(self, permit: Permit, took: float) -> None:
        slow = took >= self.slow_seconds
        if permit.trial:
            self.quick += 1
            self._end_trial(permit, good=True)
        elif slow or permit.local_trial:
            self.slow += slow
            self._count(permit, Counts(1, 0, int(slow)))
        else:
            self.quick += 1
        for listener in self.listeners:
            listener.success(self)

    def went_badly(self, permit: Permit, error: BaseException, took: float) -> None:
        if not isinstance(error, Exception) or not self.is_system_error(error):
            self.ignored += 1
            self._release(permit)  # being stopped, or being wrong, says nothing about the dependency
            return
        self.failures += 1
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        if permit.trial:
            self._end_trial(permit, good=False, error=text)
        else:
            self._count(permit, Counts(1, 1, int(took >= self.slow_seconds)), text)
        for listener in self.listeners:
            listener.failure(self, error)

    def open(self) -> bool:
        """Open it by hand, as if it had failed: it tries again by itself. Operators have `control.force_open`. Waits for the database."""
        self._move(CircuitState.OPEN)
        return self._throw_new_error_on_trip

    def half_open(self) -> None:
        self._move(CircuitState.HALF_OPEN)

    def close(self) -> None:
        self._move(CircuitState.CLOSED)

    def _move(self, state: CircuitState) -> None:
        if self.memory_only:
            self.move_locally(state)
        else:
            DatabaseStorage(self.key).state = THEIRS[state]
            self.find_keeper().look_soon()

    def tell(self, before: CircuitState, after: CircuitState) -> None:
        """Tell listeners of a transition: only the process that made it does."""
        TRANSITIONS.labels(self.key, after.value).inc()
        for listener in self.listeners:
            try:
                listener.state_change(self, Named(self, THEIRS[before]), Named(self, THEIRS[after]))
            except Exception:
                log.exception("circuit.listener_failed", circuit=self.key)

    def _count(self, permit: Permit, counts: Counts, error: str = "") -> None:
        before = self.local.state
        led_to = self.count(permit, counts, error)
        if not self.memory_only:
            self.find_keeper().push_soon()
        elif led_to is not None:
            log.warning("circuit.moved", circuit=self.key, before=before.value, after=led_to.value, error=error)
            self.tell(before, led_to)

    def _end_trial(self, permit: Permit, *, good: bool, error: str = "") -> None:
        version = permit.version
        assert version is not None
        self.trial_ended(permit, good=good, error=error)
        if good:
            self.find_keeper().later(lambda desk: desk.trial_succeeded(self, version))
        else:
            self.find_keeper().later(lambda desk: desk.trial_failed(self, version, error))

    def _release(self, permit: Permit) -> None:
        if permit.trial and permit.version is not None:
            version = permit.version
            self.find_keeper().later(lambda desk: desk.release_trial(self, version))
        elif permit.local_trial:
            self.release(permit)
