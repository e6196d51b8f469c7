"""Time that passes because we say so: every moment that is written down, in tables and of files, moves into the past."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.db import connection

_COLUMNS = """
SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.data_type = 'timestamp with time zone' AND c.table_name <> 'django_migrations'
"""


def time_passes(folder: Path, **time: float) -> None:
    """Let so much time pass (`minutes=2`) for the database and for the files below a folder. Processes and their own clocks hear nothing of it."""
    gone = timedelta(**time)
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        tables: dict[str, list[str]] = {}
        for table, column in cursor.fetchall():
            tables.setdefault(table, []).append(f'"{column}" = "{column}" - %(gone)s')
        for table, columns in tables.items():
            cursor.execute(f'UPDATE "{table}" SET {", ".join(columns)}', {"gone": gone})
    for path in folder.rglob("*"):
        if path.is_file():
            found = path.stat()
            os.utime(path, (found.st_atime - gone.total_seconds(), found.st_mtime - gone.total_seconds()))
