"""What clears away what is over: each room registers its reapers, lowest room first, with how often each is to run.

This is the only list of such work. The housekeeper of a worker runs what is due (`resilience.reaping`), `manage.py recover` runs all at once,
and the console shows how each went.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from resilience.naming import require_sole

MINUTE = timedelta(minutes=1)
F = TypeVar("F", bound=Callable[..., int])


@dataclass(frozen=True, slots=True)
class ReaperKind:
    """One reaper: `function(dry_run=bool)` puts right what is wrong, or only looks, and returns how many rows or files that is (≥ 0).

    Safe to run twice and beside itself: a host that dies in the middle is followed by another, which may overlap with it.

    Args:
        every: how long after the start of one run the next is due.
        per_host: it clears a disk that only its own host sees, so each host runs it; others are run by one host of the fleet.
        frees_disk: it is run at once when the disk is nearly full.
        about: for operators, a few words.
    """

    name: str
    function: Callable[..., int]
    every: timedelta = MINUTE
    per_host: bool = False
    frees_disk: bool = False
    about: str = ""

    @property
    def row(self) -> str:
        """The name of its row: `tasks.leases`, or `work.copies@host-a` for one of each host."""
        return f"{self.name}@{this_host()}" if self.per_host else self.name


_REAPERS: dict[str, ReaperKind] = {}


def reaper(name: str, *, every: timedelta = MINUTE, per_host: bool = False, frees_disk: bool = False, about: str = "") -> Callable[[F], F]:
    """Register the decorated function. Order of registration is the order of INSTALLED_APPS, and of a round.

    Raises:
        ValueError: two share a name.
    """

    def register(function: F) -> F:
        known = _REAPERS.get(name)
        require_sole("reapers", name, known=known.function if known else None, new=function)
        _REAPERS[name] = ReaperKind(name, function, every=every, per_host=per_host, frees_disk=frees_disk, about=about)
        return function

    return register


def all_reapers() -> list[ReaperKind]:
    return list(_REAPERS.values())


def find(row: str) -> ReaperKind | None:
    """Return the reaper a row belongs to, or None when this release has none of that name."""
    return _REAPERS.get(row.partition("@")[0])


def this_host() -> str:
    return socket.gethostname().replace("/", "-")[:60]
