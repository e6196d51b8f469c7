"""The statements that read and change circuits.

Each change names the version it was decided on: one that comes late changes nothing. A transition and its event are one statement, and the
version is unique among a circuit's events: one event per transition of the fleet, however many processes saw the cause.
All of them raise LinkDown when the database does not answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.leases import this_owner
from resilience.models.circuits import CircuitState

from . import sql
from .limits import LONGEST_OPEN_SECONDS, Counts, Limits
from .link import Link
from .view import ENDLESS, NEVER, Snapshot


@dataclass(frozen=True, slots=True)
class Batch:
    """What one process counted of one circuit since it last told."""

    name: str
    version: int
    counts: Counts
    error: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Move:
    """A transition that a statement of ours made."""

    name: str
    before: CircuitState
    after: CircuitState
    version: int


def read_all(link: Link) -> dict[str, Snapshot]:
    """Read every circuit of the fleet: there are a dozen."""
    rows = link.run(sql.READ)
    now = time.monotonic()

    def moment(remaining: object, otherwise: float) -> float:
        return otherwise if remaining is None else now + float(str(remaining))

    return {
        name: Snapshot(
            CircuitState(state), version, moment(opened, NEVER), moment(trial, NEVER), moment(forced, ENDLESS), cause, failing, known=True, read_at=now
        )
        for name, state, version, opened, trial, forced, cause, failing in rows
    }


def ensure(link: Link, circuits: Iterable[tuple[str, Limits]]) -> None:
    """Put rows down, closed, with the limits the code asks for; a row that is there keeps everything but those."""
    wanted = sorted(circuits)
    link.run(sql.ENSURE, [[name for name, _limits in wanted], [json.dumps(limits.as_json(), sort_keys=True) for _name, limits in wanted]])


def count(link: Link, batches: Sequence[Batch]) -> tuple[list[Move], bool]:
    """Add what was counted to closed circuits, all in one statement, and open those that had too much of it.

    Returns:
        What it opened, and whether it came too late for any: somebody else moved that one.
    """
    columns: list[list[Any]] = [
        [batch.name for batch in batches],
        [batch.version for batch in batches],
        [batch.counts.calls for batch in batches],
        [batch.counts.failed for batch in batches],
        [batch.counts.slow for batch in batches],
        [batch.error[:300] for batch in batches],
        [batch.limits.window_seconds / 6 for batch in batches],
        [batch.limits.min_calls for batch in batches],
        [batch.limits.failure_share for batch in batches],
        [batch.limits.slow_share for batch in batches],
        [batch.limits.open_time(0) for batch in batches],
    ]
    rows = link.run(sql.COUNT, [*columns, this_owner()])
    return [Move(name, CircuitState.CLOSED, CircuitState.OPEN, version) for name, version, trips in rows if trips], len(rows) < len(batches)


def begin_trial(link: Link, name: str, *, version: int, lease_seconds: float) -> Move | None:
    """Take the fleet's one trial lease, if the rest is over or the last holder's time is. Return the move with the lease's version, or None."""
    rows = link.run(sql.BEGIN_TRIAL, {"name": name, "version": version, "lease": lease_seconds, "owner": this_owner()})
    return Move(name, CircuitState(rows[0][0]), CircuitState.HALF_OPEN, rows[0][1]) if rows else None


def trial_succeeded(link: Link, name: str, *, version: int, enough: int) -> Move | None:
    """Count a good trial; close after `enough` of them, else let the next one begin. Return the move if it closed."""
    rows = link.run(sql.TRIAL_SUCCEEDED, {"name": name, "version": version, "enough": enough, "owner": this_owner()})
    return Move(name, CircuitState.HALF_OPEN, CircuitState.CLOSED, rows[0][0]) if rows else None


def trial_failed(link: Link, name: str, *, version: int, error: str, limits: Limits) -> Move | None:
    """Rest again, twice as long as before. Return None when the trial was no longer ours."""
    given = {
        "name": name,
        "version": version,
        "owner": this_owner(),
        "error": error[:300],
        "base": limits.open_seconds,
        "cap": LONGEST_OPEN_SECONDS,
        "spread": limits.open_time(0) / limits.open_seconds if limits.open_seconds < LONGEST_OPEN_SECONDS else 1.0,
    }
    rows = link.run(sql.TRIAL_FAILED, given)
    return Move(name, CircuitState.HALF_OPEN, CircuitState.OPEN, rows[0][0]) if rows else None


def release_trial(link: Link, name: str, *, version: int) -> None:
    """A trial ended without saying anything about the dependency: let another begin."""
    link.run(sql.RELEASE_TRIAL, {"name": name, "version": version, "owner": this_owner()})


def end_forced(link: Link, name: str, *, version: int) -> Move | None:
    """Give a circuit whose forced time is over back to its own judgement, with empty counts."""
    rows = link.run(sql.END_FORCED, {"name": name, "version": version, "owner": this_owner()})
    return Move(name, CircuitState(rows[0][0]), CircuitState.CLOSED, rows[0][1]) if rows else None
