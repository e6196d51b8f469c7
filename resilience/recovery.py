"""What `manage.py recover` does: every reaper of every room, now, lowest room first, then every step that was registered. One that fails keeps
no other from running. Each is safe twice and beside itself, so that two people may recover at once, and so may a worker meanwhile.

    from resilience.recovery import Found, Options, step

    @step("sync_cache")
    def sync(options: Options) -> Found: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from resilience import reapers, reaping
from resilience.naming import require_sole
from resilience.reaping import Part

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """With `dry_run` nothing is changed. `replay` are kinds of dead letters to start again ("all": every kind), `reason` why.

    `repair` puts right what check_integrity finds and is safe to.
    """

    dry_run: bool = False
    repair: bool = False
    replay: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a step put right, or would: `count` rows. `said` is for whoever reads the report; `error` what it could not put right."""

    count: int = 0
    said: str = ""
    error: str = ""


Do = Callable[[Options], Found]
_STEPS: dict[str, Do] = {}


def step(name: str) -> Callable[[Do], Do]:
    """Register what is to be done after the reapers, in the order of registration.

    Raises:
        ValueError: two share a name.
    """

    def register(do: Do) -> Do:
        require_sole("steps of recover", name, known=_STEPS.get(name), new=do)
        _STEPS[name] = do
        return do

    return register


def run_all(*, dry_run: bool = False, repair: bool = False, replay: tuple[str, ...] = (), reason: str = "") -> list[Part]:
    """Do everything, or with `dry_run` only look, and say how each part went. What one raises is logged and reported."""
    options = Options(dry_run=dry_run, repair=repair, replay=replay, reason=reason)
    done = [reaping.look(kind) if dry_run else reaping.run_now(kind) for kind in reapers.all_reapers()]
    return [*done, *(_take(name, do, options) for name, do in _STEPS.items())]


def _take(name: str, do: Do, options: Options) -> Part:
    try:
        found = do(options)
    except Exception as error:
        log.exception("recovery.step_failed", step=name)
        return Part(name, error=" ".join(f"{type(error).__name__}: {error}".split())[:500])
    return Part(name, found.count, found.error, found.said)
