"""Statements that every request sends, planned once per connection.

The ORM's way sends a text with the values in it, which PostgreSQL reads and plans anew each time: for the statements of an upload that is
more work than doing them.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection

PREPARE_AFTER = 2  # times that a connection has met a statement


def fetch(statement: str, *parameters: Any) -> list[Any]:
    """Run a statement on this thread's connection, inside its transaction if there is one, and return its rows."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw = connection.connection
        raw.prepare_threshold = PREPARE_AFTER
        plain: Any = psycopg.Cursor(raw)  # Django's own puts the values into the text
    with connection.make_debug_cursor(plain) if connection.queries_logged else connection.make_cursor(plain) as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []
