"""How much memory a process uses, what it may use, and whether it grows without end. Linux's own numbers; elsewhere psutil's."""

from __future__ import annotations

import functools
import itertools
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings

SMALLEST_LIMIT = 512 * 2**20
CGROUP = Path("/sys/fs/cgroup")
HOUR = 3600.0


def rss() -> int:
    """Return this process's resident memory in bytes."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _page_size()
    except OSError:
        return int(psutil.Process().memory_info().rss)


@functools.cache
def _page_size() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def machine_limit() -> int:
    """Return what all processes together may use: the container's limit, else the machine's memory."""
    limits = [int(psutil.virtual_memory().total)]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        said = _read(CGROUP / name)
        if said.isdigit():
            limits.append(int(said))
    return min(limits)


def machine_used() -> int:
    """Return what all processes together use, without what the kernel could give back at once."""
    used, stat = _read(CGROUP / "memory.current"), _read(CGROUP / "memory.stat")
    if used.isdigit() and stat:
        return max(0, int(used) - _figure(stat, "inactive_file"))
    memory = psutil.virtual_memory()
    return int(memory.total - memory.available)


def process_limit() -> int:
    """Return what one process may use: MEMORY_LIMIT, else a quarter of the machine's, and never less than 512 MiB."""
    return int(settings.MEMORY_LIMIT) or _fair_limit()


@functools.cache
def _fair_limit() -> int:
    return max(SMALLEST_LIMIT, machine_limit() // 4)


def share_of_memory() -> float:
    """Return the share of its limit that this process uses."""
    return rss() / process_limit()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _figure(stat: str, name: str) -> int:
    return next((int(line.split()[1]) for line in stat.splitlines() if line.startswith(f"{name} ")), 0)


@dataclass(slots=True)
class Growth:
    """Judges a process's memory by samples `(seconds, bytes)` of one clock. Pure.

    The first samples of a process say little: it loads code and fills caches. After `settle` seconds the least of a window is its baseline; a
    window's least that keeps rising over `windows` windows in a row, to `factor` times the baseline or more, is a leak: load comes and goes, and what
    it took is given back in between.
    """

    settle: float = 300.0
    window: float = 300.0
    windows: int = 6
    factor: float = 1.5
    baseline: int = 0
    _begun: float | None = None
    _window_began: float = 0.0
    _least: int = 0
    _floors: deque[int] = field(default_factory=deque)

    def note(self, now: float, used: int) -> None:
        if self._begun is None:
            self._begun = now
        if now - self._begun < self.settle:
            self.baseline = used
            self._window_began, self._least = now, used
            return
        self._least = min(self._least, used)
        if now - self._window_began >= self.window:
            self._close(now, used)

    def _close(self, now: float, used: int) -> None:
        if not self._floors:
            self.baseline = self._least
        self._floors.append(self._least)
        while len(self._floors) > self.windows:
            self._floors.popleft()
        self._window_began, self._least = now, used

    @property
    def leaks(self) -> bool:
        floors = list(self._floors)
        rising = len(floors) == self.windows and all(earlier < later for earlier, later in itertools.pairwise(floors))
        return rising and floors[-1] >= self.factor * self.baseline

    @property
    def per_hour(self) -> float:
        """Bytes an hour by which the least of a window has grown, over the windows there are."""
        floors = list(self._floors)
        return (floors[-1] - floors[0]) / ((len(floors) - 1) * self.window) * HOUR if len(floors) > 1 else 0.0
