"""PostgreSQL: there, new enough, migrated, durable, and of the same time as this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from resilience.http.translate import DATABASE_DOWN

from .registry import Finding, check, failed, ok, warning

OLDEST_VERSION = 140_000
MOST_CLOCK_DIFFERENCE = 2.0  # seconds; leases use the database's clock only, so this matters to people reading logs


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return row[0] if row else None


@check("Database")
def database() -> Finding:
    try:
        connection.ensure_connection()
    except DATABASE_DOWN as error:
        words = " ".join(str(error).split())[:200]
        return failed(f"It does not answer: {words}", "Start PostgreSQL, and check the address, name and password in DATABASE_URL.")
    version = int(_value("SHOW server_version_num"))
    said = f"PostgreSQL {_value('SHOW server_version')} answers."
    if version < OLDEST_VERSION:
        return failed(said, "Holdfast needs PostgreSQL 14 or newer: upgrade the server.")
    return ok(said)


@check("Migrations", needs_database=True)
def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in missing[:5])
        return failed(f"{len(missing)} not applied: {names}{', …' if len(missing) > 5 else ''}", "Run `manage.py migrate`.")
    return ok("All are applied.")


@check("Durability", needs_database=True)
def durability() -> Finding:
    off = [name for name in ("fsync", "synchronous_commit", "full_page_writes") if _value(f"SHOW {name}") == "off"]
    if off:
        mend = "Set it to on in postgresql.conf and reload: without it a power cut takes back bytes we have acknowledged."
        return failed(f"PostgreSQL runs with {', '.join(off)} off.", mend)
    return ok("fsync and synchronous_commit are on.")


@check("Clock", needs_database=True)
def clock() -> Finding:
    before = datetime.now(UTC)
    theirs = _value("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    difference = abs((theirs - (before + (after - before) / 2)).total_seconds())
    if difference > MOST_CLOCK_DIFFERENCE:
        return warning(f"The database's clock differs from ours by {difference:.1f} s.", "Let both machines keep time by NTP (`timedatectl status`).")
    return ok(f"The database's clock and ours agree ({difference * 1000:.0f} ms).")
