"""The circuits' own way to the database: autocommit, short limits, apart from the caller's transaction and from any pool.

State must survive the caller's rollback, and be asked inside a broken transaction. Nobody who makes a call waits for these connections:
one thread per process uses them (keeper.py), and breakers of pybreaker's own over `DatabaseStorage`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

CONNECT_SECONDS = 1  # psycopg makes it two, the least it knows
ANSWER_SECONDS = 1.0  # a server that is stopped or cut off ends no statement: we do
ASK_AGAIN_SECONDS = (1.0, 2.0)
_OPTIONS = "-c statement_timeout=500 -c lock_timeout=200 -c idle_in_transaction_session_timeout=5000"


Parameters = Sequence[Any] | Mapping[str, Any]


class LinkDown(Exception):
    """The database does not answer, or did not a moment ago."""


class LinkBusy(LinkDown):
    """It answers, but a row was held for too long. Nothing was changed; ask again soon."""


class Link(Protocol):
    @property
    def away(self) -> bool: ...

    def run(self, statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own and return its rows. Raises LinkDown."""
        ...

    def close(self) -> None: ...


class _Impatient(psycopg.Connection[Any]):
    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)


class OwnLink:
    """One connection, made when it is needed, and after a failure not again for a second or two. Threads take turns."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]] | None = None) -> None:
        self._connect = connect or _connect
        self._raw: psycopg.Connection[Any] | None = None
        self._away_until = 0.0
        self._turn = threading.Lock()

    @property
    def away(self) -> bool:
        return time.monotonic() < self._away_until

    def run(self, statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        with self._turn:
            if self.away:
                raise LinkDown("It did not answer a moment ago.")
            try:
                return self._run(statement, parameters)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as busy:
                raise LinkBusy(str(busy)) from busy
            except (psycopg.Error, OSError) as fault:
                self.close()
                self._away_until = time.monotonic() + random.uniform(*ASK_AGAIN_SECONDS)  # noqa: S311
                raise LinkDown(f"{type(fault).__name__}: {fault}") from fault

    def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    def _run(self, statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        if self._raw is None or self._raw.closed:
            self._raw = self._connect()
        cursor = self._raw.execute(statement, parameters)  # type: ignore[arg-type] # our own text, values apart
        return cursor.fetchall() if cursor.description else []


def _connect() -> psycopg.Connection[Any]:
    wanted = connections[DEFAULT_DB_ALIAS].get_connection_params()
    for ours_alone in ("pool", "cursor_factory", "context", "prepare_threshold"):
        wanted.pop(ours_alone, None)
    wanted |= {"connect_timeout": CONNECT_SECONDS, "options": _OPTIONS, "application_name": "holdfast-circuits"}
    return _Impatient.connect(**wanted, autocommit=True, prepare_threshold=2)
