"""Django's PostgreSQL backend, with what it lacks: an end to waiting, a word for a commit whose answer was lost, a look at slow statements."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

from resilience.metrics import counter, histogram

from . import CommitUnknown, PoolFull, slow
from .connections import PatientConnection, require_alive
from .waits import WAITS

POOL_WAIT = histogram("holdfast_database_pool_wait_seconds", "How long a request waited for a connection of the pool.")
POOL_FULL = counter("holdfast_database_pool_full_total", "Requests that got no connection because all were in use.")


class _Driver:
    """psycopg as Django's backend asks for it, but for the class of connections."""

    connect = PatientConnection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection. `commits` counts transactions known to be committed."""

    Database = _Driver()  # type: ignore[assignment] # a module to the stubs
    commits = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(slow.watch)

    @property
    def pool(self) -> ConnectionPool[Any] | None:
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pools: dict[str, ConnectionPool[Any]] = self._connection_pools  # type: ignore[attr-defined] # the stubs know no pools
        if self.alias not in pools:
            fresh = ConnectionPool(
                kwargs=self.get_connection_params() | {"autocommit": True},
                connection_class=PatientConnection,
                open=False,  # a process that forks later must not take threads along
                configure=self._configure_connection,
                check=require_alive,
                **options,
            )
            pools.setdefault(self.alias, fresh)  # of several threads at the start, one pool wins
        return pools[self.alias]

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        parameters.pop("answer_within", None)  # ours, not the server's
        return parameters

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        started = time.monotonic()
        try:
            with WAITS.waiting() if self.pool else contextlib.nullcontext():
                connection = super().get_new_connection(conn_params)
        except PoolTimeout as timeout:
            if LENT.count >= self.settings_dict["OPTIONS"]["pool"]["max_size"]:
                POOL_FULL.inc()
                raise PoolFull(str(timeout)) from timeout
            raise
        if self.pool:
            LENT.add(1)
            POOL_WAIT.observe(time.monotonic() - started)
        return connection

    def _configure_connection(self, connection: Any) -> Any:
        connection.backend = connection.pgconn.backend_pid
        connection.answer_within = self.settings_dict["OPTIONS"].get("answer_within")
        return super()._configure_connection(connection)  # type: ignore[misc]

    def _close(self) -> Any:
        if self.connection is not None and self.pool:
            LENT.add(-1)
        return super()._close()  # type: ignore[misc]

    def _commit(self) -> None:
        raw = self.connection
        try:
            super()._commit()  # type: ignore[misc]
        except OperationalError as fault:
            if raw is not None and raw.closed:
                raise CommitUnknown(str(fault), backend=raw.backend) from fault
            raise  # the server answered: it rolled back
        self.commits += 1


class _Lent:
    """Connections of the pool that are in use in this process: tells a pool that is full from one that gets no connection."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self.count += number


LENT = _Lent()
