"""Make our tables and MediaConvert agree, now: for operators after an outage, and before they believe anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from processing.engines.base import EngineFailure
from processing.engines.registry import region_of
from processing.events import budget, stalls, sweep, watch
from processing.models import Attempt, AttemptState
from processing.services.reap import resume_jobs
from resilience.circuits import CircuitOpen

log = structlog.get_logger(__name__)


@dataclass
class Reconciled:
    """What was done, or would be. `asked` of the `live` attempts were asked about, of which `changed` had gone on unseen."""

    live: int = 0
    asked: int = 0
    changed: int = 0
    stalled: int = 0
    resumed: int = 0
    regions: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def reconcile(regions: Iterable[str], *, dry_run: bool = False, sleep: Callable[[float], None] = time.sleep) -> Reconciled:
    """1. Bring on what nobody works on: questions without an answer, outputs nobody looks at. 2. End what is over its cap. 3. Ask about every
    live attempt. 4. Look through what the regions list. Each question comes out of the fleet's budget, so it takes about a second each.
    """
    wanted = list(regions)
    done = Reconciled(resumed=resume_jobs(dry_run=dry_run), stalled=stalls.end_stalled(dry_run=dry_run))
    for region in wanted:
        live = stalls.live_attempts().filter(engine=f"mediaconvert:{region}", state__in=watch.WATCHED).exclude(external_id="")
        done.live += live.count()
        if not dry_run:
            _ask_all(region, list(live.values_list("public_id", flat=True)), done, sleep=sleep)
        _look_through(region, done, dry_run=dry_run)
    return done


def regions_in_use(configured: Iterable[str]) -> list[str]:
    """Return the chain's regions, and those where attempts of ours still are."""
    names = Attempt.objects.filter(state__in=(*watch.WATCHED, AttemptState.SUBMITTING), engine__startswith="mediaconvert:").values_list("engine", flat=True)
    return list(dict.fromkeys([*configured, *sorted({region_of(name) for name in names})]))


def _ask_all(region: str, attempt_ids: list[str], done: Reconciled, *, sleep: Callable[[float], None]) -> None:
    for attempt_id in attempt_ids:
        budget.wait_for(sleep=sleep)
        try:
            outcome = watch.ask(attempt_id, paid=True)
        except CircuitOpen as rests:
            done.failed.append(f"{region}: {len(attempt_ids)} attempts could not all be asked about: {rests}")
            return
        if outcome is None:
            done.failed.append(f"{attempt_id}: no answer")
            continue
        done.asked += 1
        done.changed += outcome == "applied"


def _look_through(region: str, done: Reconciled, *, dry_run: bool) -> None:
    try:
        swept = sweep.sweep_region(region, dry_run=dry_run)
    except (EngineFailure, CircuitOpen) as away:
        log.warning("reconcile.region_away", region=region, error=str(away))
        done.failed.append(f"{region}: its jobs could not be listed: {away}")
        return
    done.regions[region] = {name: value for name, value in asdict(swept).items() if name != "errors"}
    done.failed += [f"{region}: {error}" for error in swept.errors]
