"""The cache server of one process: Django's own Redis client within a time limit, and the stand-in for while it is away.

1. While connected, a call goes to the server, within its budget and through the circuit `cache`. Its counters are remembered here.
2. A call that fails there is done here instead, and noted; so is every further one. Nobody waits again: a thread tries three times in quick
   succession, then every `check_seconds`.
3. When the server answers, what was noted is told to it, and it is used again. A process that ends before that takes its notes with it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCacheClient, RedisSerializer

from resilience.bulkheads import DependencyBusy
from resilience.circuits import CircuitOpen, circuit
from resilience.metrics import counter

from .link import Link, LinkState
from .local import LocalSide
from .push import BATCH, push
from .wire import Pool, within

log = structlog.get_logger(__name__)

CIRCUIT = "cache"
ROUNDS = 1000  # of telling in a row, a batch each; what is left then waits for the next look
_CALLS = counter("holdfast_cache_calls_total", "Calls of the cache, by who answered them.", ["by"])
_BY_SERVER, _BY_STANDIN = _CALLS.labels("server"), _CALLS.labels("standin")
_LOSSES = counter("holdfast_cache_losses_total", "Times a process lost the cache server.")
_TOLD = counter("holdfast_cache_told_total", "Writes made while the server was away, by what became of them.", ["outcome"])

# What says that the server cannot be used, rather than that the call was wrong. Of the answers it gives itself only some are of this kind.
AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError, CircuitOpen)
REFUSES = (redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError, redis.exceptions.MasterDownError, redis.exceptions.NoPermissionError)
CALLS = frozenset({"add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear"})


def _says_nothing_of_the_server(error: BaseException) -> bool:
    return not isinstance(error, (*AWAY, *REFUSES))


def _guarded() -> AbstractContextManager[None]:
    return circuit(CIRCUIT, memory_only=True, exclude=(_says_nothing_of_the_server,)).calling()


class Server:
    """One per process and address. Its methods are those of RedisCacheClient (`FailoverCache._cache`).

    Args:
        budget: seconds one call may take.
        check_seconds: between two looks while connected, and while given up.
        most_entries, most_bytes: of the stand-in.
        most_waiting: writes that are kept for the server.
        client: options for redis-py's connections.
    """

    def __init__(
        self, servers: list[str], *, budget: float, check_seconds: float, most_entries: int, most_bytes: int, most_waiting: int, **client: Any
    ) -> None:
        self._client: Any = RedisCacheClient(servers, RedisSerializer(), Pool, socket_timeout=budget, socket_connect_timeout=budget, **client)
        self.local = LocalSide(RedisSerializer(), most_entries=most_entries, most_bytes=most_bytes, most_waiting=most_waiting)
        self.link = Link(check_seconds)
        self.last_error = ""
        self.told: Counter[str] = Counter()
        self.losses = 0
        self.wake: Callable[[], None] = lambda: None  # the keeper's: there is something to do
        self._budget = budget
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._sender = uuid.uuid4().hex

    def __getattr__(self, name: str) -> Any:
        """`add`, `get`, `set`, …: the call that asks the server, or the stand-in."""
        if name not in CALLS:
            raise AttributeError(name)

        def call(*args: Any) -> Any:
            return self._ask(name, args)

        self.__dict__[name] = call
        return call

    def _ask(self, name: str, args: tuple[Any, ...]) -> Any:
        if self.link.is_up:
            try:
                with within(self._budget), _guarded():
                    answer = getattr(self._client, name)(*args)
            except DependencyBusy:  # only this call: the server is well, and is told in a moment
                self.wake()
            except (*AWAY, *REFUSES) as fault:
                self.lost(fault)
            else:
                _BY_SERVER.inc()
                self.local.learn(name, answer, args)
                return answer
        _BY_STANDIN.inc()
        return getattr(self.local, name)(*args)

    def lost(self, fault: BaseException) -> None:
        """Note that the server cannot be used."""
        with self._lock:
            news = self.link.lost(time.monotonic())
            self.last_error = f"{type(fault).__name__}: {fault}"[:300]
            self.losses += news
        if news:
            _LOSSES.inc()
            log.warning("cache.lost", error=self.last_error)
            self.wake()

    def look(self) -> bool:
        """See whether the server answers; if so, tell it what waits and use it again. Return whether it is used. For one thread at a time."""
        with self._telling:
            fault = self._try()
            with self._lock:
                changed = self.link.looked(time.monotonic(), well=fault is None)
                self.last_error = "" if fault is None else f"{type(fault).__name__}: {fault}"[:300]
                state = self.link.state
        if changed and state is LinkState.CONNECTED:
            self.local.forget_values()
            log.info("cache.back", told=dict(self.told))
        elif changed:
            log.warning("cache.state", state=str(state), error=self.last_error)
        return state is LinkState.CONNECTED

    def ping(self) -> None:
        """Raises: redis.exceptions.RedisError, OSError: the server does not answer."""
        with within(self._budget):
            self._client.get_client(write=True).ping()

    def _try(self) -> BaseException | None:
        try:
            with _guarded():
                self.ping()
                self._tell()
        except (*AWAY, *REFUSES) as fault:
            return fault
        return None

    def _tell(self) -> None:
        """Say to the server what waits."""
        client = self._client.get_client(write=True)
        if self.local.must_clear():
            with within(self._budget):
                client.flushdb()
            self.local.cleared()
        for _ in range(ROUNDS):
            entries = self.local.take(BATCH)
            if not entries:
                return
            with within(4 * self._budget):  # a batch is many calls, and nobody waits for it
                outcome = push(client, entries, sender=self._sender)
            self.local.said()
            self.told.update(outcome)
            for name, count in outcome.items():
                _TOLD.labels(name).inc(count)

    def close(self) -> None:
        for pool in self._client._pools.values():
            pool.disconnect()
