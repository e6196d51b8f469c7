from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db import ProgrammingError, connection

from resilience.http.translate import DATABASE_DOWN
from resilience.naming import require_sole


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, and for anything but ok what to do about it."""

    state: State
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """One check that was run; `seconds` it took."""

    name: str
    finding: Finding
    seconds: float


def ok(said: str) -> Finding:
    return Finding(State.OK, said)


def warning(said: str, mend: str) -> Finding:
    return Finding(State.WARNING, said, mend)


def failed(said: str, mend: str) -> Finding:
    return Finding(State.FAILED, said, mend)


Look = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    look: Look
    needs_database: bool


_CHECKS: dict[str, _Check] = {}
Examination = Callable[[], Iterable[tuple[str, Look]]]
_EXAMINATIONS: dict[str, Examination] = {}


def check(name: str, *, needs_database: bool = False) -> Callable[[Look], Look]:
    """Register a check. It returns a Finding; what it raises is reported as failed, so it need not rescue.

    Raises:
        ValueError: two checks share a name.
    """

    def register(look: Look) -> Look:
        known = _CHECKS.get(name)
        require_sole("doctor's checks", name, known=known.look if known else None, new=look)
        _CHECKS[name] = _Check(name, look, needs_database)
        return look

    return register


def examination(name: str) -> Callable[[Examination], Examination]:
    """Register looks that are only taken when asked for by name, and that are found out then: pairs of a line's name and its look."""

    def register(looks: Examination) -> Examination:
        _EXAMINATIONS[name] = looks
        return looks

    return register


def examine(name: str) -> list[Checkup]:
    """Take every look of an examination, in its order. None needs the database."""
    return [_taken(_Check(line, look, needs_database=False)) for line, look in _EXAMINATIONS[name]()]


def run_all() -> list[Checkup]:
    """Run every check, in the order of registration; without a database those that need it are not tried one by one."""
    reachable = _database_answers()
    return [_taken(each, reachable=reachable) for each in _CHECKS.values()]


def _taken(each: _Check, *, reachable: bool = True) -> Checkup:
    started = time.monotonic()
    finding = _look(each) if reachable or not each.needs_database else failed("Not looked at: the database does not answer.", "Mend the database first.")
    return Checkup(each.name, finding, time.monotonic() - started)


def _database_answers() -> bool:
    try:
        connection.ensure_connection()
    except DATABASE_DOWN:
        return False
    return True


def _look(each: _Check) -> Finding:
    try:
        return each.look()
    except ProgrammingError:
        return failed("Its tables are not what this release needs.", "Run `manage.py migrate`.")
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill of what he looks at is no use
        words = " ".join(str(error).split())[:300]
        return failed(f"The check itself stopped: {type(error).__name__}: {words}", "Read the message; the check's name says which part to look at.")
