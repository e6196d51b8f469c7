"""Fault points: named places where something is half done, so that a test can break it exactly there.

`point("tasks.claim.committed")` does nothing but ask whether something is armed. What is armed comes from a plan, in FAULTS:

    die@7                                   os._exit(137) at the 7th pass over any point of this process
    die@tasks.claim.committed               … at the first pass over this one
    stop@tasks.claim.committed:3            SIGSTOP to itself at the third
    sleep=2.5@uploads.append.written        sleep so many seconds
    raise=OSError:28@uploads.append.written raise (the class, and an errno where it takes one)
    raise=django.db.OperationalError@seed=42/100   at one pass in 100, at random but the same ones for the same seed

Several, with commas. Each but the last kind acts once. FAULTS_RECORD names a file to which every passed point is appended, one name a line.
Production never arms (see `checks.py`). The list of all points, with what is half done at each, is docs/faults.md.
"""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

DEATH = 137  # as the shell tells of SIGKILL
PLAN, RECORD = "FAULTS", "FAULTS_RECORD"  # the environment variables
_WHERE = re.compile(r"(?P<any>[1-9]\d*)|seed=(?P<seed>\d+)/(?P<one_in>[1-9]\d*)|(?P<name>[a-z][a-z0-9_.]*\.[a-z0-9_.]+)(?::(?P<pass>[1-9]\d*))?")
_EXAMPLE = "FAULTS=die@tasks.claim.committed:2"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to do at a pass. `due(name, passes_of_name, passes_of_all)` tells at which."""

    act: Callable[[], None]
    due: Callable[[str, int, int], bool]


class Armed:
    """What is armed in this process, and how often each point was passed since."""

    def __init__(self, faults: list[Fault], *, record: str = "") -> None:
        self._faults = faults
        self._passes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600) if record else -1

    def passed(self, name: str) -> None:
        with self._lock:
            self._passes[name] += 1
            if self._record >= 0:
                os.write(self._record, f"{name}\n".encode())
            due = [fault for fault in self._faults if fault.due(name, self._passes[name], self._passes.total())]
        for fault in due:
            fault.act()

    def close(self) -> None:
        if self._record >= 0:
            os.close(self._record)


_armed: Armed | None = None


def point(name: str) -> None:
    """Mark a place where this process could end with something half done. `name` is `<area>.<what>.<step>`, a literal, used once."""
    if _armed is not None:
        _armed.passed(name)


def arm(plan: str = "", *, record: str = "") -> None:
    """Arm this process, in place of what was armed.

    Raises:
        ImproperlyConfigured: the plan cannot be read.
    """
    global _armed
    disarm()
    _armed = Armed([_fault(part.strip()) for part in plan.split(",") if part.strip()], record=record)


def disarm() -> None:
    global _armed
    if _armed is not None:
        _armed.close()
    _armed = None


def is_armed() -> bool:
    return _armed is not None


@contextmanager
def armed(plan: str = "", *, record: str = "") -> Iterator[None]:
    """Arm for a block."""
    arm(plan, record=record)
    try:
        yield
    finally:
        disarm()


def wanted() -> bool:
    """Return whether the environment asks for faults."""
    return bool(os.environ.get(PLAN) or os.environ.get(RECORD))


def arm_by_environment(*, production: bool) -> None:
    """Arm what FAULTS and FAULTS_RECORD say; in production nothing ever is."""
    if wanted() and not production:
        arm(os.environ.get(PLAN, ""), record=os.environ.get(RECORD, ""))


def _fault(part: str) -> Fault:
    action, at, where = part.partition("@")
    found = _WHERE.fullmatch(where)
    if not at or found is None:
        raise ImproperlyConfigured(f"{PLAN}: “{part}” is not understood: it is written action@where. Example: {_EXAMPLE}")
    return Fault(_action(action, part), _due(found))


def _due(where: re.Match[str]) -> Callable[[str, int, int], bool]:
    if where["seed"]:
        dice = random.Random(int(where["seed"]))  # noqa: S311 - to be repeatable is its purpose
        return lambda _name, _passes, _all: dice.randrange(int(where["one_in"])) == 0
    if where["any"]:
        return lambda _name, _passes, all_passes: all_passes == int(where["any"])
    return lambda name, passes, _all: name == where["name"] and passes == int(where["pass"] or 1)


def _action(action: str, part: str) -> Callable[[], None]:
    verb, _, value = action.partition("=")
    try:
        match verb, value:
            case "die", "":
                return partial(os._exit, DEATH)
            case "stop", "":
                return partial(os.kill, os.getpid(), signal.SIGSTOP)
            case "sleep", _:
                return partial(time.sleep, float(value))
            case "raise", _:
                return partial(_raise, *_error(value))
    except (ValueError, ImportError) as error:
        raise ImproperlyConfigured(f"{PLAN}: “{part}” cannot be armed: {error}. Example: {_EXAMPLE}") from error
    raise ImproperlyConfigured(f"{PLAN}: “{action}” is no action; there are die, stop, sleep=seconds, raise=class. Example: {_EXAMPLE}")


def _error(value: str) -> tuple[type[BaseException], tuple[object, ...]]:
    path, _, number = value.partition(":")
    kind = import_string(path if "." in path else f"builtins.{path}")
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise ValueError(f"{path} is no exception")
    return kind, (int(number), os.strerror(int(number))) if number else ("injected",)


def _raise(kind: type[BaseException], arguments: tuple[object, ...]) -> None:
    raise kind(*arguments)
