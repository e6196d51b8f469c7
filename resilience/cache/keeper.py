"""The servers of this process and the thread that looks after them: checks, tries again, tells what waits, and says on disk how it is."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from resilience.leases import this_owner
from resilience.metrics import gauge
from resilience.whole_files import replace_text

from .server import Server

log = structlog.get_logger(__name__)

_WAITING = gauge("holdfast_cache_waiting_writes", "Writes that wait for the cache server.")
_AWAY = gauge("holdfast_cache_processes_without_server", "Processes whose cache server is away.")

SOON_SECONDS = 0.01
TICK_SECONDS = 1.0  # while the server is away; with it, the thread sleeps until the next check


class Keeper(threading.Thread):
    """Looks after one server until it is stopped."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(name="cache-keeper", daemon=True)
        self.server = server
        server.wake = self.wake
        self._folder = folder
        self._stop_event = threading.Event()
        self._wake = threading.Event()
        self._asked_at = _asked_at(folder)

    def run(self) -> None:
        while not self._stop_event.is_set():
            try:
                self._round()
            except Exception:  # whatever it was, the cache must not stay without its keeper
                log.exception("cache.keeper_failed")
                self.server.link.look_soon(time.monotonic() + self.server.link.check_seconds)
            self._wake.wait(self._pause())
            self._wake.clear()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop_event.set()
        self._wake.set()
        self.join(10)
        self.server.close()
        _report_path(self._folder).unlink(missing_ok=True)

    def _round(self) -> None:
        asked = _asked_at(self._folder)
        if time.monotonic() >= self.server.link.next_look or asked > self._asked_at or (self.server.link.is_up and self.server.local.waiting()):
            self._asked_at = asked
            self.server.look()
        report(self.server, self._folder)

    def _pause(self) -> float:
        if self.server.link.is_up and self.server.local.waiting():  # written between the last word to the server and its use
            return SOON_SECONDS
        until_look = max(SOON_SECONDS, self.server.link.next_look - time.monotonic())
        return until_look if self.server.link.is_up else min(TICK_SECONDS, until_look)


@dataclass(slots=True)
class _Kept:
    server: Server
    keeper: Keeper


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def server_of(key: str, servers: list[str], options: dict[str, Any]) -> Server:
    """Return this process's server of that key, which stands for its addresses and options; made, with its keeper, at first use."""
    found = _kept.get(key)
    if found is None:
        with _lock:
            found = _kept.get(key)
            if found is None:
                server = Server(servers, **options)
                found = _kept[key] = _Kept(server, Keeper(server, report_folder()))
                found.keeper.start()
    return found.server


def kept_servers() -> list[Server]:
    return [kept.server for kept in list(_kept.values())]


def stop_all() -> None:
    """Stop every keeper and close every connection; the next use makes new ones."""
    with _lock:
        kept = list(_kept.values())
        _kept.clear()
    for each in kept:
        each.keeper.stop()


def report_folder() -> Path:
    return Path(settings.VAR_DIR) / "run" / "cache"


def report(server: Server, folder: Path) -> None:
    """Write how this process's cache is, for `manage.py sync_cache`. A disk that takes no more keeps the older word."""
    path = _report_path(folder)
    figures = server.local.figures()
    _WAITING.set(figures["waiting"])
    _AWAY.set(not server.link.is_up)
    text = json.dumps(
        {
            "owner": this_owner(), "pid": os.getpid(), "at": timezone.now().isoformat(), "state": str(server.link.state), "waiting": figures["waiting"],
            "forgotten": figures["forgotten"], "told": dict(server.told), "losses": server.losses, "error": server.last_error,
        }
    )  # fmt: skip
    try:
        replace_text(path, text)
    except OSError as fault:
        log.info("cache.not_reported", error=str(fault))


def ask_all(folder: Path) -> None:
    """Have every process of this host look at once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asked").touch()


def _report_path(folder: Path) -> Path:
    return folder / f"{os.getpid()}.json"


def _asked_at(folder: Path) -> float:
    try:
        return (folder / "asked").stat().st_mtime
    except OSError:
        return 0.0


def _after_fork() -> None:
    """A child begins anew: what its parent noted is its parent's to tell, and threads did not come along."""
    global _lock
    _lock = threading.Lock()
    _parents.extend(_kept.values())  # kept alive: closing them would write to connections that are the parent's
    _kept.clear()


_parents: list[_Kept] = []
os.register_at_fork(after_in_child=_after_fork)
