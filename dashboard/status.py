"""What works and what does not, in the words of people who use it: made of the readiness checks, for anybody, also while the database is gone.

Says nothing of the inside: no check's own words, no names of servers. Since when is kept in a file of this host, for the database may be what is gone.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from resilience.watching.readiness import Readiness, State
from resilience.whole_files import replace_text

log = structlog.get_logger(__name__)


class Level(StrEnum):
    WORKS = "works"
    WORSE = "worse"  # slower, later, or not all of it
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Rule:
    """While `check` is in one of `states`, people notice this."""

    check: str
    states: tuple[State, ...]
    level: Level
    words: str


GONE = (State.UNAVAILABLE,)
UNWELL = (State.DEGRADED, State.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing people count on. The first rule that holds is told."""

    name: str
    works: str
    rules: tuple[Rule, ...]


PROMISES = (
    Promise(
        "Uploads",
        "Uploads work.",
        (
            Rule("database", GONE, Level.DOWN, "Uploads cannot be sent just now. What has arrived is safe, and they go on from there."),
            Rule("s3", GONE, Level.DOWN, "Uploads cannot be sent just now. What has arrived is safe, and they go on from there."),
            Rule("disk", UNWELL, Level.WORSE, "New uploads cannot be started just now. Those that were begun go on."),
            Rule(
                "shedding",
                UNWELL,
                Level.WORSE,
                "Very much is asked of us just now: new uploads may have to wait a moment. Those that were begun go on.",
            ),
        ),
    ),
    Promise(
        "Converting",
        "Converting works.",
        (
            Rule("database", GONE, Level.DOWN, "Converting stands still. No file is lost; it goes on by itself."),
            Rule("worker", GONE, Level.DOWN, "Converting stands still. Files wait their turn and none is lost."),
            Rule("conversions", GONE, Level.DOWN, "Converting stands still. Files wait their turn and none is lost."),
            Rule("conversions", UNWELL, Level.WORSE, "Converting is slower than usual."),
            Rule("worker", UNWELL, Level.WORSE, "Converting is slower than usual."),
        ),
    ),
    Promise(
        "Library and sign-in",
        "The library, videos and signing in work.",
        (
            Rule("database", GONE, Level.DOWN, "The library, videos and signing in do not work just now."),
            Rule("migrations", GONE, Level.DOWN, "The library, videos and signing in do not work just now: we are bringing in a new version."),
            Rule("cache", UNWELL, Level.WORSE, "The library, videos and signing in may be slower than usual."),
        ),
    ),
    Promise(
        "E-mail",
        "E-mail is sent.",
        (
            Rule("database", GONE, Level.WORSE, "E-mail is sent later than usual. None is lost."),
            Rule("mail", UNWELL, Level.WORSE, "E-mail is sent later than usual. None is lost."),
            Rule("worker", GONE, Level.WORSE, "E-mail is sent later than usual. None is lost."),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one promise is kept. `since` is unknown where the file could not be read."""

    name: str
    level: Level
    words: str
    since: datetime | None = None


def standings(found: Readiness) -> list[Standing]:
    """Return every promise and how it is kept, in the order people care about."""
    now = [_standing(promise, found) for promise in PROMISES]
    since = _since([standing for standing in now if standing.level is not Level.WORKS])
    return [Standing(each.name, each.level, each.words, since.get(each.name)) for each in now]


def notice(found: Readiness | None) -> str:
    """Return one sentence for the top of every page, or nothing while people would notice nothing."""
    return next((standing.words for standing in (_standing(promise, found) for promise in PROMISES) if standing.level is not Level.WORKS), "") if found else ""


def headline(found: list[Standing]) -> str:
    levels = {standing.level for standing in found}
    if Level.DOWN in levels:
        return "Something does not work" if Level.WORKS in levels else "Holdfast does not work just now"
    return "Something is worse than usual" if Level.WORSE in levels else "Everything works"


def _standing(promise: Promise, found: Readiness) -> Standing:
    for rule in promise.rules:
        if found.state_of(rule.check) in rule.states:
            return Standing(promise.name, rule.level, rule.words)
    return Standing(promise.name, Level.WORKS, promise.works)


def _file() -> Path:
    return Path(settings.VAR_DIR) / "run" / "status.json"


def _since(unwell: list[Standing]) -> dict[str, datetime]:
    """Return since when each is as it is. The first process of the host that sees a change writes the time down for all."""
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with (file.parent / ".status.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _noted(file, unwell)
    except OSError as fault:
        log.warning("status.not_noted", error=str(fault))
        return {}


def _noted(file: Path, unwell: list[Standing]) -> dict[str, datetime]:
    known = _read(file)
    now = timezone.now().isoformat()
    noted = {each.name: known.get(each.name, now) for each in unwell}
    if noted != known:
        replace_text(file, json.dumps(noted))
    return {name: datetime.fromisoformat(text) for name, text in noted.items()}


def _read(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text())
        return {str(name): datetime.fromisoformat(text).isoformat() for name, text in kept.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}  # none yet, or cut short: what is unwell is so from now on
