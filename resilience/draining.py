"""Before an update: a host, or the whole fleet, begins no task and takes no new upload. What has begun goes on to its end.

A host's drain is a file in VAR_DIR, the fleet's a row: both outlive every process, and end only when somebody ends them. Each process looks once
a second. A database that does not answer changes nothing: what was last seen holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.utils import timezone

from resilience import audit
from resilience.errors import AppError, Category, Entry, Fault, Retry, wait
from resilience.models import FleetDrain
from resilience.whole_files import replace_text

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
RETRY_AFTER_SECONDS = 60


class SystemUpdating(AppError):
    entry = Entry(
        code="SYSTEM_UPDATING",
        title="We are updating",
        what_happened="The system is being updated, so nothing new is begun for a moment. What was already being sent goes on.",
        actions=(wait("Wait a minute and try again; the browser does it by itself"),),
        status=503, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="info",
        runbook="`manage.py drain --status` says who drained what, and why; `manage.py drain --resume` ends it (`--fleet` for all hosts).",
    )  # fmt: skip


class Scope(StrEnum):
    HOST = "host"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class Drain:
    """`since` in UTC."""

    scope: Scope
    reason: str
    since: datetime


@dataclass(slots=True)
class _Seen:
    drain: Drain | None = None
    look_again: float = float("-inf")


_seen = _Seen()


def current() -> Drain | None:
    """Return what holds this process back, as it was within the last second: this host's drain, else the fleet's."""
    now = time.monotonic()
    if now >= _seen.look_again:
        _seen.look_again = now + LOOK_SECONDS
        with contextlib.suppress(DatabaseFault), _connection_given_back():
            _seen.drain = of_host() or of_fleet()
    return _seen.drain


@contextlib.contextmanager
def _connection_given_back() -> Iterator[None]:
    """Leave a thread without a connection as it was: some of a web server's threads never ask the database, and would keep one of the pool's."""
    had_one = connection.connection is not None
    try:
        yield
    finally:
        if not had_one and not connection.in_atomic_block:
            connection.close()


def refuse_new_work() -> None:
    """Call it before something new is begun for a person.

    Raises:
        SystemUpdating: this host or the fleet is drained.
    """
    if current() is not None:
        raise SystemUpdating(retry_after=RETRY_AFTER_SECONDS)


def forget() -> None:
    """Look again at once."""
    _seen.look_again = float("-inf")


def of_host() -> Drain | None:
    """Return this host's drain. A file that cannot be read counts: somebody wanted it."""
    file = _file()
    try:
        told = json.loads(file.read_text())
        return Drain(Scope.HOST, told["reason"], datetime.fromisoformat(told["since"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        return Drain(Scope.HOST, f"{file} cannot be read ({type(fault).__name__})", timezone.now())


def of_fleet() -> Drain | None:
    row = FleetDrain.objects.first()
    return None if row is None else Drain(Scope.FLEET, row.reason, row.since)


def begin(scope: Scope, *, reason: str, by: AbstractBaseUser | None = None) -> Drain:
    """Drain this host or the fleet. What is drained already keeps its reason and its beginning."""
    found = of_host() if scope is Scope.HOST else of_fleet()
    if found is not None:
        return found
    with transaction.atomic():
        audit.record(actor=by, action="drain.begin", target=_target(scope), reason=reason)
        if scope is Scope.FLEET:
            FleetDrain.objects.get_or_create(pk=1, defaults={"reason": reason[:500], "by_id": None if by is None else by.pk})
        else:
            _write({"reason": reason[:500], "since": timezone.now().isoformat()})
    forget()
    log.warning("drain.begun", scope=str(scope), reason=reason)
    found = of_host() if scope is Scope.HOST else of_fleet()
    assert found is not None
    return found


def end(scope: Scope, *, reason: str, by: AbstractBaseUser | None = None) -> bool:
    """Take up work again. Return False when it was not drained."""
    with transaction.atomic():
        if scope is Scope.FLEET:
            ended = bool(FleetDrain.objects.all().delete()[0])
        else:
            ended = _file().exists()
            _file().unlink(missing_ok=True)
        if ended:
            audit.record(actor=by, action="drain.end", target=_target(scope), reason=reason)
    forget()
    if ended:
        log.warning("drain.ended", scope=str(scope), reason=reason)
    return ended


def as_data(drain: Drain | None) -> dict[str, str] | None:
    return None if drain is None else asdict(drain) | {"scope": str(drain.scope), "since": drain.since.isoformat()}


def _file() -> Path:
    return Path(settings.VAR_DIR) / "run" / "drain.json"


def _write(content: dict[str, str]) -> None:
    replace_text(_file(), json.dumps(content), durable=True)


def _target(scope: Scope) -> str:
    return "fleet" if scope is Scope.FLEET else f"host {os.uname().nodename}"
