"""Connections that do not wait for ever: PostgreSQL's own timeouts need a PostgreSQL that still runs and a line that still carries."""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

T = TypeVar("T")

CHECK_SECONDS = 2.0  # for a connection from the pool to say that it lives


class NoAnswer(psycopg.OperationalError):
    """Nothing came back in time; the connection is closed."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than `answer_within` seconds; None waits for ever."""

    answer_within: float | None = None
    backend = 0  # the server's process, known even after the line broke

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        limit = self.answer_within if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except errors._WaitTimeout:
            if timeout is not None:
                raise  # whoever set this limit handles its end
            self.pgconn.finish()
            raise NoAnswer(f"the database did not answer within {limit:g} s") from None


def require_alive(connection: PatientConnection) -> None:
    """Ask a connection of the pool whether it lives, before somebody gets it.

    Raises:
        psycopg.Error: it does not.
    """
    usual, connection.answer_within = connection.answer_within, CHECK_SECONDS
    try:
        connection.execute("")
    finally:
        connection.answer_within = usual
