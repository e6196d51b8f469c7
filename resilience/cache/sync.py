"""What `manage.py sync_cache` does: see how the cache of each process of this host is, and have them tell the server what waits."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.cache import caches

from resilience.leases import Owner, is_gone

from . import is_shared
from .link import LinkState

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ProcessCache:
    """How the cache of one process of this host is, as it said `at` (UTC)."""

    pid: int
    at: str
    state: str
    waiting: int  # writes it keeps for the server
    forgotten: int  # writes that were too many to keep
    losses: int
    error: str = ""

    @property
    def is_well(self) -> bool:
        return self.state == LinkState.CONNECTED and not self.waiting


@dataclass(frozen=True, slots=True)
class Standing:
    """`shared` is False where each process has a cache of its own. `answers`: the server, to this process, now."""

    shared: bool
    answers: bool = False
    error: str = ""
    processes: tuple[ProcessCache, ...] = ()

    @property
    def is_well(self) -> bool:
        return not self.shared or (self.answers and all(process.is_well for process in self.processes))

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "well": self.is_well}


def standing() -> Standing:
    """Return how it is, changing nothing."""
    if not is_shared():
        return Standing(shared=False)
    from .keeper import report_folder

    error = _ask()
    return Standing(shared=True, answers=not error, error=error, processes=tuple(_reports(report_folder())))


def synchronise(*, wait_seconds: float) -> Standing:
    """Have every process of this host look at the server at once and tell it what waits. Return how it is then.

    Args:
        wait_seconds: how long to wait until all have.
    """
    before = standing()
    if not before.shared or before.is_well:
        return before
    from .keeper import ask_all, report_folder

    ask_all(report_folder())
    deadline = time.monotonic() + wait_seconds
    while True:
        now = standing()
        if now.is_well or time.monotonic() >= deadline:
            return now
        time.sleep(LOOK_SECONDS)


def _ask() -> str:
    """Return why the server does not answer, or nothing when it does. Asked anew: what a keeper thinks of it may be half a minute old."""
    import redis

    try:
        caches["default"]._cache.ping()  # type: ignore[attr-defined]
    except (redis.exceptions.RedisError, OSError) as fault:
        return f"{type(fault).__name__}: {fault}"[:300]
    return ""


def _reports(folder: Path) -> list[ProcessCache]:
    """What living processes said last; those of processes that have ended are removed."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text())
            owner = Owner.parse(said["owner"])
        except (OSError, ValueError, KeyError):  # it ended just now, or was killed while it wrote
            continue
        if owner is None or is_gone(owner):
            path.unlink(missing_ok=True)
            continue
        found.append(ProcessCache(**{name: said[name] for name in ("pid", "at", "state", "waiting", "forgotten", "losses", "error")}))
    return found
