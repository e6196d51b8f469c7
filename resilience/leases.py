"""Who holds a lease: one process on one host, named so that others on that host can tell for certain when it is gone."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. `place` is host, boot and process namespace: pids mean the same only within one place. `started` is in ticks since boot."""

    place: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.place}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner a lease names, or None if it was written in another form."""
        place, _, rest = text.partition("/")
        pid, _, started = rest.partition("/")
        return cls(place, int(pid), started) if pid.isdigit() and started else None


@cache
def this_place() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()[:8]
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:  # not Linux
        boot, namespace = str(int(psutil.boot_time())), "0"
    host = socket.gethostname().replace("/", "-")[:60]
    return f"{host}:{boot}:{namespace}"


def owner_of(pid: int) -> Owner:
    """Name a living process of this place.

    Raises:
        ProcessLookupError: it does not exist.
    """
    return Owner(this_place(), pid, _started(pid))


def this_owner() -> str:
    """Return this process as a lease names it (≤ 120 characters)."""
    return _named(os.getpid())


@cache
def _named(pid: int) -> str:
    """By pid, so that a fork finds its own name."""
    return str(owner_of(pid))


def is_gone(owner: Owner) -> bool:
    """Return True only when the process has certainly ended: it was here, and here there is none of that pid and start any more.

    Anything else (another host, another boot or container, a process we may not look at) is False: the lease's end decides.
    """
    if owner.place != this_place():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    try:
        return _started(owner.pid) != owner.started or _is_all_zombie(owner.pid)
    except ProcessLookupError:
        # Visible to kill a moment ago. Hidden from us (hidepid), or ended right now: the next look or the lease's end tells.
        return False


def _started(pid: int) -> str:
    if not sys.platform.startswith("linux"):
        try:
            return str(int(psutil.Process(pid).create_time()))
        except psutil.NoSuchProcess:
            raise ProcessLookupError(pid) from None
    return _stat(_PROC / str(pid))[19]


def _stat(folder: Path) -> list[str]:
    """Fields of a stat file from the third (state) on; the second, the name, may hold anything."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        raise ProcessLookupError(str(folder)) from None


def _is_all_zombie(pid: int) -> bool:
    """True when every thread has ended and only the parent's wait is missing."""
    if not sys.platform.startswith("linux"):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    threads = list((_PROC / str(pid) / "task").iterdir())
    return all(_stat(thread)[0] in "ZX" for thread in threads)
