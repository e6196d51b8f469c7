"""Empty the database between transactional tests without paying for it.

Django truncates every table and makes permissions and groups anew after each such test: half a second for a test that wrote two rows.
Here only tables with rows in them are emptied; what `post_migrate` makes is compared with what it was, and made anew only where it differs.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.testcases import TransactionTestCase

_made: dict[str, dict[str, str]] = {}  # by database: the tables `post_migrate` fills, and the sum of their rows
_flush = TransactionTestCase._fixture_teardown


def install() -> None:
    TransactionTestCase._fixture_teardown = _fixture_teardown


def _fixture_teardown(self: TransactionTestCase) -> None:
    aliases = self._databases_names(include_mirrors=False)
    plain = not self.serialized_rollback and self.available_apps is None
    if plain and all(_emptied(connections[alias]) for alias in aliases):
        return
    _flush(self)
    for alias in aliases:
        _made[_name(connections[alias])] = _sums(connections[alias], _filled(connections[alias], _tables(connections[alias])))


def _name(connection: BaseDatabaseWrapper) -> str:
    return str(connection.settings_dict["NAME"])


def _emptied(connection: BaseDatabaseWrapper) -> bool:
    """Delete all rows that a test made. Return False where that would not bring back what there was before."""
    made = _made.get(_name(connection))
    if made is None:
        return False
    tables = _tables(connection)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(map(connection.ops.quote_name, tables))} IN EXCLUSIVE MODE")  # wait for who still writes, as TRUNCATE does
        if _sums(connection, list(made)) != made:
            return False
        cursor.execute("SET LOCAL session_replication_role = replica")  # in any order, and past triggers that forbid it: as TRUNCATE
        for table in _filled(connection, tables):
            if table not in made:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
    return True


def _tables(connection: BaseDatabaseWrapper) -> list[str]:
    return sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))


def _filled(connection: BaseDatabaseWrapper, tables: list[str]) -> list[str]:
    asked = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(table)})" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return [row[0] for row in cursor.fetchall()]


def _sums(connection: BaseDatabaseWrapper, tables: list[str]) -> dict[str, str]:
    sums: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {connection.ops.quote_name(table)} t")
            (sums[table],) = cursor.fetchone()
    return sums
