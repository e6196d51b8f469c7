"""A cluster as its supervisor sees it: a process group, two pipes, a restart delay."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from enum import StrEnum

import psutil
import structlog
from django.conf import settings

from resilience.leases import Owner, is_gone, owner_of

from .cluster import BEAT_FD_VARIABLE, WEDGED
from .stopping import STOP_FD_VARIABLE

log = structlog.get_logger(__name__)

SILENCE_SECONDS = 20.0  # without a beat: its guard loop hangs
FIRST_BEAT_SECONDS = 60.0  # a loaded machine imports slowly
LONGEST_RESTART_DELAY = 30.0
HEALTHY_SECONDS = 60.0  # after which earlier failures are forgotten
KILL_PATIENCE_SECONDS = 5.0


class Health(StrEnum):
    RUNNING = "running"
    ENDED = "ended"
    WEDGED = "wedged"
    SILENT = "silent"


class ClusterProcess:
    """The cluster of one queue. `start` again after `kill`; every start is a new process group."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_write = self._beat_read = -1
        self._started = self._last_beat = 0.0
        self._wedged = False
        self._failures = 0
        self.start_at = 0.0

    def start(self) -> None:
        """Start the cluster. Call it from the main thread: the child dies with the thread that made it."""
        stop_read, self._stop_write = os.pipe()
        self._beat_read, beat_write = os.pipe()
        for end in (self._beat_read, beat_write):
            os.set_blocking(end, False)
        environment = os.environ | {
            "HOLDFAST_ROLE": "worker",
            "DATABASE_URL": settings.DATABASE_URL,
            "VAR_DIR": str(settings.VAR_DIR),
            "Q_CLUSTER_NAME": self.queue,
            STOP_FD_VARIABLE: str(stop_read),
            BEAT_FD_VARIABLE: str(beat_write),
        }
        command = [sys.executable, "manage.py", "run_cluster", self.queue, "--parent", str(os.getpid())]
        try:
            self._process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, pass_fds=(stop_read, beat_write), start_new_session=True)
        finally:
            os.close(stop_read)
            os.close(beat_write)
        self._started = self._last_beat = time.monotonic()
        self._wedged = False
        log.info("cluster.started", queue=self.queue, pid=self._process.pid)

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def health(self) -> Health:
        self._read_beats()
        now = time.monotonic()
        if self.has_ended():
            return Health.ENDED
        if self._wedged:
            return Health.WEDGED
        patience = SILENCE_SECONDS if self._last_beat > self._started else FIRST_BEAT_SECONDS
        if now - self._last_beat > patience:
            return Health.SILENT
        if now - self._started > HEALTHY_SECONDS:
            self._failures = 0
        return Health.RUNNING

    def _read_beats(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while words := os.read(self._beat_read, 4096):
                self._last_beat = time.monotonic()
                self._wedged = self._wedged or WEDGED in words

    def drain(self) -> None:
        """Have its workers claim nothing more."""
        if self._stop_write >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._stop_write, b"d")

    def stop_now(self) -> None:
        """Have running bodies stop."""
        if self._stop_write >= 0:
            os.close(self._stop_write)
            self._stop_write = -1

    def kill(self) -> set[str]:
        """End every process of the cluster. Return those that are certainly gone, as leases name them."""
        if self._process is None:
            return set()
        family = self._family()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for owner in family:  # those that left the group, too
            if not is_gone(owner):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(owner.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + KILL_PATIENCE_SECONDS
        while not all(is_gone(owner) for owner in family) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.stop_now()
        os.close(self._beat_read)
        self._process = None
        return {str(owner) for owner in family if is_gone(owner)}

    def plan_restart(self) -> None:
        """Set when to start again: at once after the first failure, later and later after failures in a row."""
        delay = 0.0 if self._failures == 0 else min(LONGEST_RESTART_DELAY, 2.0 ** (self._failures - 1))
        self._failures += 1
        self.start_at = time.monotonic() + delay

    def _family(self) -> set[Owner]:
        assert self._process is not None
        found: set[Owner] = set()
        try:
            root = psutil.Process(self._process.pid)
            members = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return found
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                found.add(owner_of(member.pid))
        return found
