"""The worker: keeps the clusters running, sweeps, and stops without losing anything.

Stopping, in order: nothing more is claimed; running bodies have `DRAIN_SECONDS` to end by themselves; then they are told to stop and have
`ABORT_SECONDS` to do so; then every process is killed, and what was still running is put back in line, no try spent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection

from resilience import draining

from . import brokers, sweep, wakeups
from .figures import CLUSTERS_REPLACED
from .housekeeper import Housekeeper
from .process import ClusterProcess, Health

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.5
QUICK_SWEEP_SECONDS = 2.0
DRAIN_SECONDS = 10.0
ABORT_SECONDS = 2.0
CALM_SECONDS = 15.0  # after the database was away: workers first get to renew what they hold
UNTAKEN_SECONDS = 60.0


class Supervisor:
    """`run` returns once `stop` was called and everything has ended."""

    def __init__(self, queues: list[str]) -> None:
        self._clusters = [ClusterProcess(queue) for queue in queues]
        self._stop = threading.Event()
        self._gone: set[str] = set()
        self._sweeper = Sweeper(self._stop)
        self._housekeeper = Housekeeper(self._stop)

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        self._sweeper.start()
        self._housekeeper.start()
        try:
            while not self._stop.wait(TICK_SECONDS):
                for cluster in self._clusters:
                    self._look_after(cluster)
                self._put_back()
        finally:
            self._stop.set()
            self._shut_down()

    def _look_after(self, cluster: ClusterProcess) -> None:
        if not cluster.is_started:
            if time.monotonic() >= cluster.start_at:
                cluster.start()
            return
        health = Health.WEDGED if cluster.queue in self._sweeper.untaken else cluster.health()
        if health is Health.RUNNING:
            return
        log.error("cluster.replaced", queue=cluster.queue, health=str(health))
        CLUSTERS_REPLACED.labels(cluster.queue, str(health)).inc()
        self._sweeper.untaken.discard(cluster.queue)
        self._gone |= cluster.kill()
        cluster.plan_restart()

    def _put_back(self) -> None:
        """Put back what processes were running that we killed; kept until the database takes it."""
        if not self._gone:
            return
        try:
            count = sweep.put_back_tasks_of(self._gone)
        except DatabaseFault:
            connection.close()
            return
        log.info("worker.put_back", tasks=count)
        self._gone = set()

    def _shut_down(self) -> None:
        log.info("worker.stopping")
        started = [cluster for cluster in self._clusters if cluster.is_started]
        for cluster in started:
            cluster.drain()
        _wait_until(lambda: all(cluster.has_ended() for cluster in started), DRAIN_SECONDS)
        for cluster in started:
            cluster.stop_now()
        _wait_until(lambda: all(cluster.has_ended() for cluster in started), ABORT_SECONDS)
        for cluster in started:
            self._gone |= cluster.kill()
        self._put_back()
        for thread in (self._sweeper, self._housekeeper):
            thread.join(timeout=TICK_SECONDS)
        connection.close()
        log.info("worker.stopped")


class Sweeper(threading.Thread):
    """Sweeps at a fixed cadence, on its own connection. The database being away is logged once per time away, and nothing else."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="sweep", daemon=True)
        self._stop_event = stop
        self._last_fault = float("-inf")
        self._away = False
        self._next_full = 0.0
        self.untaken: set[str] = set()  # queues whose wake-ups nobody takes

    def run(self) -> None:
        while not self._stop_event.wait(QUICK_SWEEP_SECONDS):
            try:
                self.sweep()
            except DatabaseFault as fault:
                connection.close()
                self._last_fault = time.monotonic()
                if not self._away:
                    log.warning("sweep.database_away", error=str(fault))
                self._away = True
            except Exception:
                log.exception("sweep.failed")
            else:
                self._back()
        connection.close()

    def sweep(self) -> None:
        """Do one round: the quick part always, the full part every TASK_SWEEP_SECONDS."""
        sweep.reap_gone()
        wakeups.send_wake_ups()
        if time.monotonic() < self._next_full:
            return
        self._next_full = time.monotonic() + settings.TASK_SWEEP_SECONDS
        wakeups.drop_stale_wake_ups()
        if draining.current() is None:
            self.untaken |= {queue for queue in brokers.queues() if wakeups.oldest_wake_up_age(queue) > UNTAKEN_SECONDS and not sweep.has_leases_here(queue)}
        if time.monotonic() - self._last_fault > CALM_SECONDS:
            sweep.reap_expired()

    def _back(self) -> None:
        if self._away:
            log.info("sweep.database_back")
        self._away = False


def _wait_until(question: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not question() and time.monotonic() < deadline:
        time.sleep(0.05)
