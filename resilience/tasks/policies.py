"""What operators set for kinds of tasks, over what the code declares, and what they paused: read at most once per two seconds per process.

A change counts everywhere within that time, without a restart. While the database is away, what was read last goes on counting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFault

from resilience.models.policies import PauseScope
from resilience.statements import fetch

from .registry import Kind, find_kind, kind_of

log = structlog.get_logger(__name__)

FRESH_SECONDS = 2.0

_READ = """
SELECT (SELECT json_agg(json_build_object('kind', kind, 'tries', tries, 'base', base_s, 'cap', cap_s, 'jitter', jitter, 'timeout', timeout_s))
          FROM resilience_taskpolicy),
       (SELECT json_agg(json_build_object('scope', scope, 'name', p.name, 'reason', reason, 'by', u.email, 'since', since, 'until', until))
          FROM resilience_pause p LEFT JOIN auth_user u ON u.id = p.by_id WHERE until IS NULL OR until > statement_timestamp())
"""


@dataclass(frozen=True, slots=True)
class Paused:
    """Why tasks of a kind or a queue are not begun. `by` is empty for a command on the machine; without `until` it lasts until resumed."""

    scope: str
    name: str
    reason: str
    by: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Policies:
    """Overrides by kind, and pauses by scope and name."""

    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pauses: Mapping[tuple[str, str], Paused] = field(default_factory=dict)


class _Cache:
    """One thread reads anew; the others meanwhile use what there is."""

    def __init__(self) -> None:
        self._found = Policies()
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def get(self) -> Policies:
        if time.monotonic() - self._read_at > FRESH_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._found = _read()
                self._read_at = time.monotonic()
            except DatabaseFault as fault:
                log.info("policies.database_away", error=str(fault))
            finally:
                self._reading.release()
        return self._found

    def forget(self) -> None:
        self._read_at = float("-inf")
        self._reading = threading.Lock()  # a fork may have copied a held one


_CACHE = _Cache()


def effective(name: str) -> Kind:
    """Return a kind as it counts now: the operators' values where there are any, else what the code declares.

    Raises:
        KeyError: nobody declared it.
    """
    declared = kind_of(name)
    overrides = _CACHE.get().overrides.get(name)
    return replace(declared, **overrides) if overrides else declared


def paused(kind: str, queue: str) -> Paused | None:
    """Return why a task of this kind in this queue is not begun now; None when nothing holds it."""
    pauses = _CACHE.get().pauses
    return pauses.get((PauseScope.QUEUE, queue)) or pauses.get((PauseScope.KIND, kind))


def pauses() -> list[Paused]:
    """Return everything that is paused now, the longest first."""
    return sorted(_CACHE.get().pauses.values(), key=lambda pause: pause.since)


def forget() -> None:
    """Read anew at the next question: somebody here changed something."""
    _CACHE.forget()


def check_waits(kind: str, *, base: float | None, cap: float | None) -> None:
    """See that the waits of a policy make sense; None stands for the declared value.

    Raises:
        ValidationError: the longest wait would be shorter than the first one.
    """
    declared = find_kind(kind)
    first = base if base is not None else declared.base if declared else None
    longest = cap if cap is not None else declared.cap if declared else None
    if first is not None and longest is not None and longest < first:
        raise ValidationError({"cap_s": f"The longest wait ({longest:g} s) is shorter than the first one ({first:g} s)."})


def _read() -> Policies:
    ((policies, held),) = fetch(_READ)
    overrides = {row.pop("kind"): {name: value for name, value in row.items() if value is not None} for row in policies or ()}
    found = [_paused(row) for row in held or ()]
    return Policies(overrides, {(pause.scope, pause.name): pause for pause in found})


def _paused(row: dict[str, Any]) -> Paused:
    until = row["until"]
    since = datetime.fromisoformat(row["since"])
    return Paused(row["scope"], row["name"], row["reason"], row["by"] or "", since, datetime.fromisoformat(until) if until else None)
