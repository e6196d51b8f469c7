"""Runs reapers that are due: a thread beside the sweeper of every worker. Which host runs which is settled by their rows (resilience/reaping.py)."""

from __future__ import annotations

import threading

import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from resilience import reaping
from resilience.monitor import Monitor

log = structlog.get_logger(__name__)

FIRST_SECONDS = 60.0  # the first minute belongs to workers renewing what they hold
ROUND_SECONDS = 10.0


class Housekeeper(threading.Thread):
    """On a connection of its own: a reaper that takes long must not keep leases from being taken back."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._stop_event = stop

    def run(self) -> None:
        Monitor("supervisor", replace=None, stop=self._stop_event).start()
        pause = FIRST_SECONDS
        while not self._stop_event.wait(pause):
            pause = ROUND_SECONDS
            try:
                keep_house()
            except DatabaseFault as fault:
                log.info("housekeeping.database_away", error=str(fault))
            except Exception:
                log.exception("housekeeping.failed")
            finally:
                connection.close()


def keep_house() -> list[reaping.Part]:
    """Do one round. Return how each reaper went that was due and ours."""
    reaping.announce()
    return reaping.run_due()
