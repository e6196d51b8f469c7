"""Watches what this process takes of the machine: a thread that looks every MONITOR_SECONDS (30), says what it sees, and acts before others have to.

1. Its memory: over 80 % of the limit it warns, collects garbage, and if that did not help has the process replaced, one process of a host at a time.
   A task worker ends between two tasks by itself (`resilience.tasks.stopping.worn_out`); a web worker as if it had been told to (SIGTERM).
2. The disks: below `DISK_FULL_SHARE` everything that frees room is made due at once.
3. Calls under way per dependency.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection

from resilience import bulkheads, memory, pressure, reaping
from resilience.metrics import counter, gauge

log = structlog.get_logger(__name__)

BETWEEN_REPLACEMENTS = 60.0  # seconds, of one host: not all of its web workers at once
_RSS = gauge("holdfast_process_memory_bytes", "Resident memory of our processes.", ["role"])
_LARGEST = gauge("holdfast_process_memory_largest_bytes", "Resident memory of the largest process.", ["role"], across="max")
_SHARE = gauge("holdfast_process_memory_share", "The largest share of its limit that a process uses.", ["role"], across="max")
_GROWTH = gauge("holdfast_process_memory_growth_bytes", "Bytes an hour by which the process that grows most does.", ["role"], across="max")
_LEAKS = gauge("holdfast_process_leaking", "Processes whose memory only grows.", ["role"])
_COLLECTED = counter("holdfast_process_collections_total", "Garbage collections made because memory was short.", ["role"])
_REPLACED = counter("holdfast_process_replacements_total", "Processes replaced because memory was short.", ["role"])
_FREE = gauge("holdfast_disk_free_ratio", "Share of a disk that is free, by what lies on it.", ["disk"], across="min")
_IN_FLIGHT = gauge("holdfast_bulkhead_in_flight", "Calls under way.", ["dependency"])


class Monitor(threading.Thread):
    """Args:
    replace: has this process replaced once what it is doing is done; None for one that is not (a command, a supervisor).
    stop: ends the thread; without one it lives as long as the process.
    """

    def __init__(self, role: str, *, replace: Callable[[], None] | None, stop: threading.Event | None = None) -> None:
        super().__init__(name="monitor", daemon=True)
        self._role = role
        self._replace = replace
        self._growth = memory.Growth()
        self._told_of_leak = False
        self._stop_event = stop or threading.Event()

    def run(self) -> None:
        while not self._stop_event.wait(settings.MONITOR_SECONDS):
            try:
                self.look()
            except Exception:  # whatever it was, the next look may go better
                log.exception("monitor.failed")
            finally:
                connection.close()

    def look(self) -> None:
        self.look_at_memory(now=time.monotonic())
        look_at_disks()
        for name, (under_way, _limit) in bulkheads.in_flight().items():
            _IN_FLIGHT.labels(name).set(under_way)

    def look_at_memory(self, *, now: float) -> None:
        used, limit = memory.rss(), memory.process_limit()
        self._growth.note(now, used)
        _RSS.labels(self._role).set(used)
        _LARGEST.labels(self._role).set(used)
        _SHARE.labels(self._role).set(used / limit)
        _GROWTH.labels(self._role).set(self._growth.per_hour)
        _LEAKS.labels(self._role).set(self._growth.leaks)
        if self._growth.leaks and not self._told_of_leak:
            log.error("memory.leaks", role=self._role, used=used, baseline=self._growth.baseline, bytes_per_hour=round(self._growth.per_hour))
        self._told_of_leak = self._growth.leaks
        if self._is_short(used, limit):
            self._make_room(used, limit)

    def _is_short(self, used: int, limit: int) -> bool:
        """Over its own limit's mark; or all together are over the machine's, and this process is one that has grown."""
        if used > settings.MEMORY_RECYCLE_SHARE * limit:
            return True
        grown = bool(self._growth.baseline) and used > 2 * self._growth.baseline
        return grown and memory.machine_used() > settings.MEMORY_RECYCLE_SHARE * memory.machine_limit()

    def _make_room(self, used: int, limit: int) -> None:
        freed = gc.collect()
        _COLLECTED.labels(self._role).inc()
        left = memory.rss()
        log.warning("memory.short", role=self._role, used=used, limit=limit, baseline=self._growth.baseline, collected=freed, left=left)
        if self._replace is None or not self._is_short(left, limit):
            return
        if not take_turn(Path(settings.VAR_DIR) / "run" / "replacements.lock"):
            return
        _REPLACED.labels(self._role).inc()
        log.warning("memory.process_replaced", role=self._role, pid=os.getpid(), used=left, limit=limit)
        self._replace()


def watch_web_worker() -> None:
    """Start watching a process of the web server. Replaced means: it takes no new connection, ends what it has begun, and another takes its place."""
    Monitor("web", replace=lambda: os.kill(os.getpid(), signal.SIGTERM)).start()


def watch_task_process() -> None:
    """Start watching a process that runs tasks. It ends by itself between two tasks when it has used too much (WORKER_MAX_MEMORY)."""
    Monitor("worker", replace=None).start()


def look_at_disks() -> None:
    """Say how much is free; where nearly nothing is, have everything run that frees room."""
    disks = {disk.name: disk.share for disk in pressure.disks()}
    for name, free in disks.items():
        _FREE.labels(name).set(free)
    if min(disks.values()) >= settings.DISK_FULL_SHARE:
        return
    try:
        count = reaping.ask_for_room()
    except DatabaseFault as fault:
        log.warning("disk.full", free=disks, error=str(fault))
    else:
        log.warning("disk.full", free=disks, reapers_asked=count)


def take_turn(lock: Path) -> bool:
    """Return whether this process may be replaced now: of a host's processes one at a time, with a pause between."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before = os.fstat(descriptor)
        if before.st_size and time.time() - before.st_mtime < BETWEEN_REPLACEMENTS:
            return False
        os.pwrite(descriptor, b"x", 0)
        os.utime(descriptor)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
