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
ASK_SECONDS = 2.0
ANSWER_SECONDS = 2.0  # nobody is kept waiting by a command: more than a request gives the server


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

    deadline, ask_again = time.monotonic() + wait_seconds, 0.0
    while True:
        if time.monotonic() >= ask_again:  # a look that fails is followed by the next only after a while
            ask_all(report_folder())
            ask_again = time.monotonic() + ASK_SECONDS
        now = standing()
        if now.is_well or time.monotonic() >= deadline:
            return now
        time.sleep(LOOK_SECONDS)


def _ask() -> str:
    """Return why the server does not answer, or nothing when it does. Asked anew, by a connection of our own: without a keeper, and without a report."""
    import redis

    from .server import Server

    cache: Any = caches["default"]
    server = Server(cache.addresses, **{**cache.given, "budget": ANSWER_SECONDS})
    try:
        server.ping()
    except (redis.exceptions.RedisError, OSError) as fault:
        return f"{type(fault).__name__}: {fault}"[:300]
    finally:
        server.close()
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
