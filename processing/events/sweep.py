"""Once a day: look through what an engine elsewhere lists, and find jobs that no attempt of ours knows.

A job that names an attempt of ours is adopted, or stopped when its attempt has another or is over. One that names another installation is none
of our business. What names an attempt that nobody has, or none, is shown to operators: it may be of somebody who calls an installation as we
do, and whoever stopped it by himself would stop it for him. A page is a task of its own, which puts down the next: a night of thousands of
jobs holds no worker, and each page comes out of the budget of questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from processing.engines.base import EngineFailure
from processing.engines.mediaconvert import client
from processing.events import budget, orphans, watch
from processing.events.envelope import ENDS
from processing.events.models import OrphanState, Source
from processing.models import LIVE_ATTEMPT_STATES, Attempt
from processing.services import remote
from processing.services.chain import in_seconds
from resilience.bulkheads import DependencyBusy
from resilience.circuits import CircuitOpen
from resilience.faults import point
from resilience.tasks import enqueue

log = structlog.get_logger(__name__)

PAGE = "processing.sweep_page"
PER_PAGE = 20  # the most MediaConvert gives
BACK = timedelta(hours=24)
OVERLAP = timedelta(hours=2)  # sweeps that begin late leave no gap
MOST_PAGES = 1_000
PAGE_SECONDS = 1.5  # between two pages, so that questions of live jobs find tokens too


@dataclass
class Swept:
    """What was seen, by what came of it."""

    seen: int = 0
    known: int = 0
    adopted: int = 0
    stopped: int = 0
    orphans: int = 0
    foreign: int = 0
    waiting: int = 0  # could not be settled just now; the next sweep sees them again
    asked: int = 0  # ended there, and live here
    errors: list[str] = field(default_factory=list)

    def add(self, other: Swept) -> None:
        for name in ("seen", "known", "adopted", "stopped", "orphans", "foreign", "waiting", "asked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors += other.errors


@dataclass(frozen=True, slots=True)
class Page:
    jobs: list[Mapping[str, Any]]
    next_token: str


def begin(*, dry_run: bool = False) -> int:
    """Put down a sweep of each region. Return how many."""
    regions = list(settings.MEDIACONVERT_REGIONS)
    if dry_run:
        return len(regions)
    return sum(enqueue(PAGE, key=f"{region}:1", payload={"region": region}) is not None for region in regions)


def sweep_page(*, region: str, token: str = "", number: int = 1) -> Swept:
    """Sweep one page, and put down the next.

    Raises:
        CallFailed, CircuitOpen: it was not seen; come back.
    """
    if budget.take():
        raise DependencyBusy(circuit=f"engine.mediaconvert:{region}", limit=int(budget.BURST))
    page = read_page(region, token)
    swept = settle_all(region, page.jobs)
    point("processing.sweep.page_done")
    if page.next_token and number < MOST_PAGES and not _is_old(page.jobs):
        payload = {"region": region, "token": page.next_token, "number": number + 1}
        enqueue(PAGE, key=f"{region}:{number + 1}", payload=payload, run_at=in_seconds(PAGE_SECONDS))
    log.info("sweep.page", region=region, number=number, **{name: value for name, value in vars(swept).items() if value})
    return swept


def read_page(region: str, token: str = "") -> Page:
    """Return a page of a region's jobs, newest first."""
    asked: dict[str, Any] = {"NextToken": token} if token else {}
    found = client.call(region, "list_jobs", MaxResults=PER_PAGE, Order="DESCENDING", **asked)
    return Page(found.get("Jobs", []), found.get("NextToken", ""))


def sweep_region(region: str, *, dry_run: bool = False) -> Swept:
    """Sweep a whole region at once, as fast as the budget allows.

    Raises:
        CallFailed, CircuitOpen: the region does not answer.
    """
    total, token = Swept(), ""
    for _ in range(MOST_PAGES):
        budget.wait_for()
        page = read_page(region, token)
        total.add(settle_all(region, page.jobs, dry_run=dry_run))
        token = page.next_token
        if not token or _is_old(page.jobs):
            break
    return total


def settle_all(region: str, jobs: Iterable[Mapping[str, Any]], *, dry_run: bool = False) -> Swept:
    """Look whose the jobs of a page are, and settle those that nobody knows."""
    listed = {str(job["Id"]): job for job in jobs}
    engine = f"mediaconvert:{region}"
    states = dict(Attempt.objects.filter(engine=engine, external_id__in=listed).values_list("external_id", "state"))
    swept = Swept(seen=len(listed), known=len(states))
    for external_id, job in listed.items():
        if external_id not in states:
            _settle(region, external_id, job, swept, dry_run=dry_run)
        elif str(job.get("Status")) in ENDS and states[external_id] in watch.WATCHED:
            swept.asked += dry_run or _ask(engine, external_id)
    return swept


def _ask(engine: str, external_id: str) -> bool:
    attempt_id = Attempt.objects.filter(engine=engine, external_id=external_id).values_list("public_id", flat=True).first()
    return bool(attempt_id) and watch.ask_later(str(attempt_id))


def _settle(region: str, external_id: str, job: Mapping[str, Any], swept: Swept, *, dry_run: bool) -> None:
    metadata = job.get("UserMetadata") or {}
    env, attempt_id, status = str(metadata.get("env", "")), str(metadata.get("attempt_id", "")), str(job.get("Status", ""))
    if env not in ("", settings.ENVIRONMENT):
        swept.foreign += 1
    elif not env or not attempt_id:
        swept.orphans += 1
        if not dry_run:
            orphans.note(f"mediaconvert:{region}", external_id, status=status, env=env[:80], attempt_id=attempt_id[:60], source=Source.SWEEP)
    elif status not in ENDS or _is_wanted(attempt_id):  # what has ended costs nothing more
        _settle_ours(region, external_id, attempt_id, status, swept, dry_run=dry_run)


def _settle_ours(region: str, external_id: str, attempt_id: str, status: str, swept: Swept, *, dry_run: bool) -> None:
    """Give a job of ours to its attempt, or stop it."""
    if dry_run:
        is_there = Attempt.objects.filter(public_id=attempt_id).exists()
        what = "adopted" if _is_wanted(attempt_id) else "stopped" if is_there else "orphans"
        setattr(swept, what, getattr(swept, what) + 1)
        return
    engine = f"mediaconvert:{region}"
    try:
        adopted = remote.adopt(attempt_id, external_id, region=region)
    except (EngineFailure, CircuitOpen) as away:
        swept.waiting += 1
        swept.errors.append(f"{external_id}: {away}"[:200])
        return
    if adopted in (remote.Adopted.ADOPTED, remote.Adopted.KNOWN):
        swept.adopted += 1
        orphans.settle(engine, external_id, OrphanState.ADOPTED, f"Its attempt is {attempt_id}.")
        return
    orphans.note(engine, external_id, status=status, env=settings.ENVIRONMENT, attempt_id=attempt_id[:60], source=Source.SWEEP)
    if adopted is remote.Adopted.UNKNOWN:
        swept.orphans += 1
        return
    swept.stopped += 1
    orphans.settle(engine, external_id, OrphanState.CANCELED, "Its attempt has another job, or is over; it is being stopped.")


def _is_wanted(attempt_id: str) -> bool:
    """Whether an attempt of ours waits for a job it does not know."""
    return Attempt.objects.filter(public_id=attempt_id, external_id="", state__in=LIVE_ATTEMPT_STATES).exists()


def _is_old(jobs: list[Mapping[str, Any]]) -> bool:
    """Whether a page, newest first, goes back far enough."""
    made = [job["CreatedAt"] for job in jobs if isinstance(job.get("CreatedAt"), datetime)]
    return bool(made) and made[-1] < in_seconds(0) - BACK - OVERLAP
