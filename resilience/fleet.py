"""Which workers there are, on any host: PostgreSQL knows who is connected, so nobody has to report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

WORKER = "holdfast-worker"  # application_name of processes with HOLDFAST_ROLE=worker (config/settings.py)


@dataclass(frozen=True, slots=True)
class WorkerHost:
    """The worker processes of one host; `last_seen` is when the latest of them last asked the database something."""

    address: str
    connections: int
    since: datetime
    last_seen: datetime


def workers() -> list[WorkerHost]:
    """Return the hosts workers are connected from, this machine's as "this machine"."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(host(client_addr), 'this machine'), count(*), min(backend_start), max(COALESCE(state_change, backend_start))
            FROM pg_stat_activity WHERE application_name = %s AND datname = current_database() GROUP BY 1 ORDER BY 1
            """,
            [WORKER],
        )
        return [WorkerHost(*row) for row in cursor.fetchall()]
