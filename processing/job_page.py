"""What the console shows of one job: its attempts on a timeline, its durable tasks, and everything it hangs together with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html

from processing.classify import runbook_of
from processing.models import Attempt, EngineEvent, Job, Rendition, RenditionState
from processing.services.outcomes import circuits_of
from resilience.admin_display import age, between, link, list_of
from resilience.errors import CATALOGUE, Entry
from resilience.models import Circuit, Task, TaskRun

WIDTH = 400  # of the drawing, in its own units
MOST_TASKS = 30
MOST_RUNS = 6
MOST_OBSERVATIONS = 200


@dataclass(frozen=True)
class Bar:
    """One attempt on the time axis: where it waited and where it ran, in units of WIDTH.

    Args:
        runbook: what an operator does first.
        at_partner: address of the job in the partner's own console.
        observations: the newest news of it, oldest first.
    """

    attempt: Attempt
    waits_from: float
    runs_from: float
    runs_for: float
    waited: str
    took: str
    entry: Entry | None
    runbook: str = ""
    at_partner: str = ""
    observations: list[EngineEvent] = field(default_factory=list)

    @property
    def waits_for(self) -> float:
        return self.runs_from - self.waits_from


def timeline(job: Job, *, now: datetime | None = None) -> list[Bar]:
    """Return the job's attempts as bars from its creation to its end, or to now while it lives."""
    now = now or timezone.now()
    attempts = list(job.attempts.order_by("number"))
    ends = [moment for attempt in attempts for moment in (attempt.ended_at,) if moment]
    end = max([job.finished_at or now, *ends])
    length = max((end - job.created_at).total_seconds(), 0.001)

    def place(moment: datetime) -> float:
        return round(min(1.0, max(0.0, (moment - job.created_at).total_seconds() / length)) * WIDTH, 1)

    news = observations_of(attempts)
    return [_bar(attempt, place=place, end=end, observations=news.get(attempt.public_id, [])) for attempt in attempts]


def _bar(attempt: Attempt, *, place: Any, end: datetime, observations: list[EngineEvent]) -> Bar:
    stopped = attempt.ended_at or end
    started = attempt.started_at or stopped
    return Bar(
        attempt=attempt,
        waits_from=place(attempt.created_at),
        runs_from=place(started),
        runs_for=max(2.0, round(place(stopped) - place(started), 1)) if attempt.started_at else 0.0,
        waited=between(attempt.created_at, started),
        took=between(attempt.started_at, stopped),
        entry=CATALOGUE.get(attempt.error_code) if attempt.error_code else None,
        runbook=runbook_of(attempt.error_code, attempt.error_raw) if attempt.error_code else "",
        at_partner=at_partner(attempt),
        observations=observations,
    )


def at_partner(attempt: Attempt) -> str:
    """Return the address of an attempt's job in the AWS console; empty where there is none, as of an emulator's job."""
    kind, _, region = attempt.engine.partition(":")
    if kind != "mediaconvert" or not attempt.external_id or settings.MEDIACONVERT_ENDPOINT_URL:
        return ""
    return f"https://{region}.console.aws.amazon.com/mediaconvert/home?region={region}#/jobs/summary/{attempt.external_id}"


def observations_of(attempts: Iterable[Attempt]) -> dict[str, list[EngineEvent]]:
    """Return the newest news of each attempt, by its public id, oldest first."""
    found: dict[str, list[EngineEvent]] = {}
    ids = [attempt.public_id for attempt in attempts]
    for event in EngineEvent.objects.filter(attempt_id__in=ids).exclude(attempt_id="").defer("body").order_by("-pk")[:MOST_OBSERVATIONS]:
        found.setdefault(event.attempt_id, []).insert(0, event)
    return found


@dataclass(frozen=True)
class TaskStory:
    """A durable task with its newest runs; `earlier` says how many more there were."""

    task: Task
    runs: list[TaskRun]
    earlier: int


def tasks_of(job: Job, attempts: Iterable[Attempt]) -> list[TaskStory]:
    """Return the durable tasks of a job, its upload and its attempts, by how their keys start, newest first, with their runs."""
    ids = [job.public_id, job.source.public_id, *(attempt.public_id for attempt in attempts)]
    about = reduce(or_, (Q(key__startswith=public_id) for public_id in ids))
    tasks = Task.objects.filter(about).order_by("-created_at").prefetch_related("runs")[:MOST_TASKS]
    return [TaskStory(task, runs[-MOST_RUNS:], max(0, len(runs) - MOST_RUNS)) for task in tasks for runs in [list(task.runs.all())]]


def context(job: Job) -> dict[str, Any]:
    """Return what the panels of the job's page draw."""
    bars = timeline(job)
    engines = sorted({*job.engines, *(bar.attempt.engine for bar in bars)})
    renditions: list[Rendition] = list(job.renditions.order_by("height", "id"))
    return {
        "bars": bars,
        "bar_width": WIDTH,
        "span": between(job.created_at, job.finished_at or timezone.now()),
        "renditions": renditions,
        "missing": missing_rungs(job, renditions),
        "tasks": tasks_of(job, [bar.attempt for bar in bars]),
        "circuits": list(Circuit.objects.filter(name__in=[name for engine in engines for name in circuits_of(engine)])),
        "places": [
            ("Video", link(job.video)),
            ("Upload", link(job.source, job.source.public_id)),
            ("Its other jobs", _link(list_of("processing", "job", video__id__exact=job.video_id), "list")),
            ("Tickets", _link(list_of("support", "ticket", video__id__exact=job.video_id), "list")),
            ("What its owner saw", _link(list_of("notifications", "event", q=job.video.public_id), "events")),
        ],
        "updated": age(job.updated_at),
    }


def missing_rungs(job: Job, renditions: Iterable[Rendition]) -> str:
    """Name the rungs nobody has made yet: what a retry makes."""
    ready = {rendition.rung for rendition in renditions if rendition.state == RenditionState.READY}
    names = [rung["name"] if isinstance(rung, dict) else str(rung) for rung in job.ladder]
    return ", ".join(name for name in names if name not in ready)


def _link(address: str, text: str) -> Any:
    return format_html('<a href="{}">{}</a>', address, text)
