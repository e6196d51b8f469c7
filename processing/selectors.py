"""Reads over jobs that are longer than a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from processing.models import Attempt, Job, JobState, Publication, Rendition, RenditionState
from uploads.models import Video

WAITING_JOB_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.BLOCKED)


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many jobs are in a state, and since when the oldest of them exists (UTC)."""

    state: str
    count: int
    oldest: datetime


def current_job(video: Video) -> Job | None:
    """Return a video's newest job."""
    return Job.objects.filter(video=video).order_by("-pk").first()


def published(video: Video) -> Publication | None:
    """Return what is played when somebody plays a video; None while there is nothing."""
    return Publication.objects.filter(video=video).select_related("job").first()


def renditions(job: Job) -> QuerySet[Rendition]:
    """Return the rungs of a job that can be played, lowest first."""
    return Rendition.objects.filter(job=job, state=RenditionState.READY).order_by("bitrate", "pk")


def attempts(video: Video) -> QuerySet[Attempt]:
    """Return every attempt at a video over all its jobs, oldest first: what a timeline is made of."""
    return Attempt.objects.filter(job__video=video).select_related("job").order_by("job_id", "number")


def job_counts() -> list[StateCount]:
    """Return the jobs of each state there is one of, in the order of `JobState`."""
    rows = {row["state"]: row for row in Job.objects.order_by().values("state").annotate(count=Count("pk"), oldest=Min("created_at"))}
    return [StateCount(state, rows[state]["count"], rows[state]["oldest"]) for state in JobState.values if state in rows]


def retryable_jobs(*, states: tuple[str, ...], code: str = "") -> QuerySet[Job]:
    """Return each video's newest job if it is in one of these states (and has this error code), oldest first."""
    newest = Job.objects.order_by("video_id", "-pk").distinct("video_id").values("pk")
    found = Job.objects.filter(pk__in=newest, state__in=states).order_by("pk")
    return found.filter(error_code=code) if code else found
