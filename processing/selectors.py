"""Reads over jobs that are longer than a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from processing.models import Attempt, AttemptState, Job, JobState, Publication, Rendition, RenditionState
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


@dataclass(frozen=True, slots=True)
class Retryable:
    """Which jobs somebody wants tried again; what is empty counts for all.

    Args:
        code: of the catalogue, as the job's owner is told it, or as any of its attempts failed with.
        error_class: of any of its attempts' failures.
        engine: of its last attempt.
        within: only those whose state is no older.
    """

    states: tuple[str, ...]
    code: str = ""
    error_class: str = ""
    engine: str = ""
    within: timedelta | None = None


def retryable_jobs(wanted: Retryable) -> QuerySet[Job]:
    """Return each video's newest job if it is one of those, oldest first."""
    newest = Job.objects.order_by("video_id", "-pk").distinct("video_id").values("pk")
    found = Job.objects.filter(pk__in=newest, state__in=wanted.states).order_by("pk")
    failed = Attempt.objects.filter(job=OuterRef("pk"), state__in=(AttemptState.FAILED, AttemptState.LOST))
    if wanted.code:
        found = found.filter(Q(error_code=wanted.code) | Q(Exists(failed.filter(error_code=wanted.code))))
    if wanted.error_class:
        found = found.filter(Exists(failed.filter(error_class=wanted.error_class)))
    if wanted.engine:
        found = found.annotate(last=Subquery(failed.order_by("-number").values("engine")[:1])).filter(last=wanted.engine)
    return found.filter(updated_at__gte=Now() - wanted.within) if wanted.within else found
