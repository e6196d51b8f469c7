"""How a job goes on after an attempt, and how it ends. Called with the job locked, inside the transaction of the change."""

from __future__ import annotations

import random
from typing import Any

import structlog
from django.db.models import F
from django.db.models.functions import Now

from processing.classify import OF_THE_INPUT, ErrorClass, clock
from processing.decide import Counts, Decision, Next, decide
from processing.errors import GaveUp, SourceLost, SourcePoisonous
from processing.models import LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState, Publication, RenditionState
from processing.notes import DamagedFrom, LowerQualityOnly, PartlySaved
from processing.services.chain import in_seconds, policy_for
from processing.signals import job_given_up, job_needs_new_file, job_ready, job_retrying
from resilience.faults import point
from resilience.tasks import enqueue
from resilience.tasks.backoff import delay
from uploads.models import VideoState
from uploads.services.videos import set_video_state

BLOCKED_SECONDS = 600.0
BLOCKED_CAP_SECONDS = 3600.0
log = structlog.get_logger(__name__)

_TELL = {JobState.READY: job_ready, JobState.READY_PARTIAL: job_ready, JobState.NEEDS_NEW_FILE: job_needs_new_file, JobState.DEAD: job_given_up}
_SHOWN = {
    JobState.READY: VideoState.READY,
    JobState.READY_PARTIAL: VideoState.READY,
    JobState.NEEDS_NEW_FILE: VideoState.NEEDS_NEW_FILE,
    JobState.DEAD: VideoState.FAILED,
    JobState.BLOCKED: VideoState.BLOCKED,
}
_SAYS_IT_ALL = {SourceLost.entry.code, SourcePoisonous.entry.code}


def after_failure(job: Job, attempt: Attempt) -> Decision:
    """Decide what comes after a failed attempt, write the decision down, and set it going."""
    error_class = ErrorClass(attempt.error_class)
    decision = decide(
        error_class,
        policy=policy_for(error_class, attempt.error_code),
        chain=job.engines,
        engine=attempt.engine,
        counts=_counts(job, attempt),
        random=random.random,
    )
    Attempt.objects.filter(pk=attempt.pk).update(decision=f"{decision.next}: {decision.why}"[:200])
    log.warning("job.attempt_failed", job=job.public_id, attempt=attempt.public_id, code=attempt.error_code, next=decision.next, why=decision.why)
    match decision.next:
        case Next.SAME_ENGINE | Next.SALVAGE | Next.NEXT_ENGINE:
            _try_again(job, attempt, decision)
        case Next.NEEDS_NEW_FILE:
            give_up(job, JobState.NEEDS_NEW_FILE)
        case Next.BLOCKED:
            _block(job, attempt)
        case Next.DEAD:
            give_up(job, JobState.DEAD)
    return decision


def end_ready(job: Job) -> None:
    """Every rung is made and published."""
    Publication.objects.filter(job=job).update(complete=True)
    code, fields = _note(job)
    end(job, JobState.READY, code=code, fields=fields, percent=100.0)


def give_up(job: Job, state: JobState) -> None:
    """Nothing more will be tried. What can be played stays; a job without anything to play ends in `state`."""
    if Publication.objects.filter(job=job).exists():
        Publication.objects.filter(job=job).update(complete=True)
        code, fields = lower_quality(job)
        end(job, JobState.READY_PARTIAL, code=code, fields=fields)
        return
    code, fields = _reason(job)
    if state == JobState.DEAD and code not in _SAYS_IT_ALL:
        code, fields = GaveUp.entry.code, {"tries": job.attempts.count()}
    end(job, state, code=code, fields=fields)


def end(job: Job, state: JobState, *, code: str = "", fields: dict[str, Any] | None = None, **values: Any) -> bool:
    """Move a live job and its video to where they end (or wait, if blocked), and tell the rooms above."""
    finished = None if state == JobState.BLOCKED else Now()
    moved = Job.objects.filter(pk=job.pk, state__in=LIVE_JOB_STATES).update(
        state=state, error_code=code, error_fields=fields or {}, retry_at=None, version=F("version") + 1, updated_at=Now(), finished_at=finished, **values
    )
    if not moved:
        return False
    job.refresh_from_db()
    set_video_state(
        job.video_id, _SHOWN[state], only_from=(VideoState.CONVERTING, VideoState.BLOCKED, VideoState.CHECKING), error_code=code, error_fields=fields
    )
    point("processing.settle.moved")
    if state in _TELL:
        _TELL[state].send(sender=Job, job=job)
    return True


def _block(job: Job, attempt: Attempt) -> None:
    """The operator's move. The job looks by itself whether it was made, less and less often; `manage.py recover` does not wait for that."""
    wait = delay(_failures_like(job, attempt), base=BLOCKED_SECONDS, cap=BLOCKED_CAP_SECONDS, random=random.random)
    if end(job, JobState.BLOCKED, code=attempt.error_code, fields=attempt.error_fields):
        payload = {"job_id": job.public_id, "engine": attempt.engine, "salvage": attempt.salvage}
        enqueue("processing.submit", key=f"{job.public_id}:{attempt.number}", payload=payload, run_at=in_seconds(wait))


def lower_quality(job: Job) -> tuple[str, dict[str, Any]]:
    """The note beside a video of which only some rungs were made; no note when none is missing."""
    ready = set(job.renditions.filter(state=RenditionState.READY).values_list("rung", flat=True))
    missing = ", ".join(rung["name"] for rung in job.ladder if rung["name"] not in ready)
    return (LowerQualityOnly.entry.code, {"missing": missing}) if missing else ("", {})


def _try_again(job: Job, attempt: Attempt, decision: Decision) -> None:
    retry_at = in_seconds(decision.delay_s) if decision.delay_s else None
    payload = {"job_id": job.public_id, "engine": decision.engine, "salvage": decision.next == Next.SALVAGE or attempt.salvage}
    Job.objects.filter(pk=job.pk, state__in=LIVE_JOB_STATES).update(
        state=JobState.QUEUED, retry_at=retry_at, error_code=attempt.error_code, error_fields=attempt.error_fields, version=F("version") + 1, updated_at=Now()
    )
    enqueue("processing.submit", key=f"{job.public_id}:{attempt.number}", payload=payload, run_at=retry_at)
    if retry_at and Job.objects.filter(pk=job.pk, retries_told=False).update(retries_told=True):
        job.refresh_from_db()
        job_retrying.send(sender=Job, job=job, retry_at=retry_at)


def _counts(job: Job, attempt: Attempt) -> Counts:
    tried = frozenset(job.attempts.filter(state=AttemptState.FAILED).values_list("engine", flat=True))
    return Counts(same=_failures_like(job, attempt), salvaged=job.attempts.filter(salvage=True).exists(), tried=tried)


def _failures_like(job: Job, attempt: Attempt) -> int:
    return job.attempts.filter(engine=attempt.engine, error_class=attempt.error_class, state=AttemptState.FAILED).count()


def _reason(job: Job) -> tuple[str, dict[str, Any]]:
    """One reason out of all attempts: poison, else the first that says something about the file, else the last."""
    failed = list(job.attempts.filter(state=AttemptState.FAILED).order_by("number"))
    if failed and failed[-1].error_class == ErrorClass.POISON:
        return failed[-1].error_code, failed[-1].error_fields
    telling = [attempt for attempt in failed if attempt.error_class in OF_THE_INPUT]
    chosen = telling[:1] or failed[-1:]
    return (chosen[0].error_code, chosen[0].error_fields) if chosen else ("", {})


def _note(job: Job) -> tuple[str, dict[str, Any]]:
    """What a person is told beside a video that plays, when it took a lenient pass to make it."""
    if not job.attempts.filter(salvage=True, state=AttemptState.SUCCEEDED).exists():
        return "", {}
    damaged = job.attempts.filter(error_class=ErrorClass.INPUT_CORRUPT).order_by("number").first()
    # Damage at the very start is mostly a clip cut off in the middle of a scene: nothing to be alarmed about.
    if damaged is None or damaged.error_fields.get("at") in (None, clock(None)):
        return PartlySaved.entry.code, {}
    return DamagedFrom.entry.code, {"at": damaged.error_fields["at"]}
