"""What `manage.py recover` does, done by itself: once a minute, by one worker of the fleet.

1. Try the advisory lock; another worker that holds it is doing the round, so there is nothing to do.
2. Run every registered part. Each is safe to run twice and beside an operator's `recover`.
3. Give the lock back. A worker that dies in between loses its connection, and the lock with it.
"""

from __future__ import annotations

import threading

import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from resilience import recovery

log = structlog.get_logger(__name__)

ROUND_SECONDS = 60.0
LOCK = 0x686F_6C64  # any number nobody else locks


class Housekeeper(threading.Thread):
    """Runs beside the sweeper, on a connection of its own: a part that takes long must not keep leases from being reaped."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._stop_event = stop

    def run(self) -> None:
        while not self._stop_event.wait(ROUND_SECONDS):  # the first minute belongs to workers renewing what they hold
            try:
                keep_house()
            except DatabaseFault as fault:
                log.info("housekeeping.database_away", error=str(fault))
            finally:
                connection.close()


def keep_house() -> list[recovery.Part] | None:
    """Do one round. Return how each part went, or None when another worker is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        try:
            parts = recovery.run_all()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    done = {part.name: part.count for part in parts if part.count}
    if done:
        log.info("housekeeping.done", **done)
    return parts
