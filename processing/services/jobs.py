"""Open, retry and cancel jobs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from processing.errors import NoEngineLeft, NothingToPlay
from processing.ladder import ladder
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState, Publication, Rendition, RenditionState
from processing.notes import JobAlreadyEnded, JobStillRunning, JobSuperseded
from processing.services import reasons, settle
from processing.services.chain import configured_chain
from processing.services.remote import stop_elsewhere
from resilience import audit
from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.tasks import enqueue
from resilience.transactions import retried
from uploads.models import UploadSession, VideoState
from uploads.services.videos import set_video_state

_ANY = tuple(VideoState.values)


@retried(joins=True)
def open_job(session: UploadSession) -> Job:
    """Promise to convert an accepted source: a job, its first task and the video's state, in the caller's transaction.

    Live jobs over older files of the same video give way. The same source a second time is the same promise.
    """
    for older in Job.objects.select_for_update().filter(video=session.its_video, state__in=LIVE_JOB_STATES).exclude(source=session):
        _stop(older, AttemptState.SUPERSEDED)
    known = Job.objects.filter(source=session).order_by("-pk").first()
    if known is not None:
        return known
    rungs = ladder(session.probe)
    plan = _plan([rung.as_json() for rung in rungs])
    job = Job.objects.create(source=session, video=session.its_video, state=JobState.QUEUED, **plan)
    set_video_state(session.video_id, VideoState.CONVERTING, only_from=_ANY)
    if not rungs:
        settle.end(job, JobState.NEEDS_NEW_FILE, code=NothingToPlay.entry.code)
        return job
    enqueue("processing.submit", key=job.public_id, payload={"job_id": job.public_id})
    point("processing.open.job_row")
    return job


@retried(joins=True)
def retry_job(job: Job, *, by: User | None, reason: str, engine: str = "") -> Job:
    """Try a job again now. One that waits starts at once; one that has ended gets a successor, which makes only what is missing.

    Args:
        engine: to begin with, instead of the first of the chain; the others may still follow.

    Returns:
        The job that runs: the same, or its successor.

    Raises:
        JobStillRunning: an attempt is under way. JobAlreadyEnded: everything was made. JobSuperseded: the video has a newer job.
        NoEngineLeft: the engine is none of ours.
    """
    job = Job.objects.select_for_update().get(pk=job.pk)
    if Job.objects.filter(video_id=job.video_id, pk__gt=job.pk).exists():
        raise JobSuperseded()
    if job.attempts.filter(state__in=LIVE_ATTEMPT_STATES).exists():
        raise JobStillRunning(retry_after=30)
    if job.state == JobState.READY:
        raise JobAlreadyEnded()
    if engine and engine not in configured_chain():
        raise NoEngineLeft()
    audit.record(actor=by, action="job.retry", target=f"{job.public_id}: {engine} first" if engine else job.public_id, reason=reason)
    if job.state in LIVE_JOB_STATES:
        return _go_on(job, engine)
    plan = _plan(job.ladder)
    plan["engines"] = [engine, *(each for each in plan["engines"] if each != engine)] if engine else plan["engines"]
    successor = Job.objects.create(video_id=job.video_id, source_id=job.source_id, state=JobState.QUEUED, **plan)
    _take_over(job, successor)
    point("processing.retry.taken_over")
    set_video_state(job.video_id, VideoState.CONVERTING, only_from=_ANY)
    enqueue("processing.submit", key=successor.public_id, payload={"job_id": successor.public_id})
    return successor


@retried(joins=True)
def cancel_job(job: Job, *, by: User | None, reason: str) -> Job:
    """Stop a job. A running engine hears of it within seconds; what it still writes is never shown.

    Raises:
        JobAlreadyEnded: it had ended before.
    """
    job = Job.objects.select_for_update().get(pk=job.pk)
    if job.state not in LIVE_JOB_STATES:
        raise JobAlreadyEnded()
    _stop(job, AttemptState.CANCELED)
    point("processing.cancel.stopped")
    _show_canceled(job)
    audit.record(actor=by, action="job.cancel", target=job.public_id, reason=reason)
    job.refresh_from_db()
    return job


def _plan(rungs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ladder": rungs, "engines": configured_chain(), "request_id": current_request_id()}


def _go_on(job: Job, engine: str) -> Job:
    """Start a waiting or blocked job now, whatever it waits for."""
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, retry_at=None, version=F("version") + 1, updated_at=Now())
    set_video_state(job.video_id, VideoState.CONVERTING, only_from=(VideoState.BLOCKED,))
    number = job.attempts.count()
    key, payload = f"{job.public_id}:{number}:now", {"job_id": job.public_id}
    if engine:
        key, payload = f"{key}:{engine}", {**payload, "engine": engine}
        Job.objects.filter(pk=job.pk).update(engines=[*job.engines, engine] if engine not in job.engines else job.engines)
    enqueue("processing.submit", key=key, payload=payload)
    job.refresh_from_db()
    return job


def _take_over(job: Job, successor: Job) -> None:
    """Give a successor the renditions that are made already, and the publication over them."""
    ready = list(Rendition.objects.filter(job=job, state=RenditionState.READY))
    for rendition in ready:
        rendition.pk = None
        rendition.job = successor
    Rendition.objects.bulk_create(ready)
    Publication.objects.filter(job=job).update(job=successor, complete=False)


def _stop(job: Job, attempt_state: AttemptState) -> None:
    stop_elsewhere(Attempt.objects.filter(job=job, state__in=LIVE_ATTEMPT_STATES).select_related("job__source"))
    Attempt.objects.filter(job=job, state__in=LIVE_ATTEMPT_STATES).update(state=attempt_state, ended_at=Now())
    Job.objects.filter(pk=job.pk, state__in=LIVE_JOB_STATES).update(
        state=JobState.CANCELED, retry_at=None, version=F("version") + 1, updated_at=Now(), finished_at=Now()
    )


def _show_canceled(job: Job) -> None:
    """Take away what only this job had made; what it took over from an earlier one could be watched before and stays."""
    converting = (VideoState.CONVERTING, VideoState.BLOCKED)
    if Rendition.objects.filter(job=job, state=RenditionState.READY).exclude(attempt__job=job).exists():
        Publication.objects.filter(job=job).update(complete=True)
        code, fields = reasons.lower_quality(job)
        set_video_state(job.video_id, VideoState.READY, only_from=converting, error_code=code, error_fields=fields)
        return
    Publication.objects.filter(job=job).delete()
    set_video_state(job.video_id, VideoState.CANCELED, only_from=converting)
