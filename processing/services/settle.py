"""How a job goes on after an attempt, and how it ends. Called with the job locked, inside the transaction of the change."""

from __future__ import annotations

import random
from typing import Any

import structlog
from django.db.models import F
from django.db.models.functions import Now

from processing.classify import ErrorClass
from processing.decide import COST_NOTHING, Counts, Decision, Next, decide
from processing.models import LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState, Publication
from processing.services import outcomes, reasons
from processing.services.chain import in_seconds, policy_for
from processing.signals import job_given_up, job_needs_new_file, job_ready, job_retrying
from resilience.errors import CATALOGUE
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
# One that its engine lost has failed, too; a lost one without a class had a worker that died.
_FAILED = (AttemptState.FAILED, AttemptState.LOST)


def after_failure(job: Job, attempt: Attempt, *, seen: str = "") -> Decision:
    """Decide what comes after a failed attempt, write the decision down, and set it going.

    Args:
        seen: what our own look at the file found, for operators.
    """
    error_class = ErrorClass(attempt.error_class)
    outcomes.count(attempt, error_class)
    decision = decide(
        error_class,
        policy=policy_for(error_class, attempt.error_code),
        chain=job.engines,
        engine=attempt.engine,
        counts=counts_of(job, attempt),
        random=random.random,
        transient=policy_for(ErrorClass.TRANSIENT),
    )
    why = f"{decision.why}; {seen}" if seen else decision.why
    Attempt.objects.filter(pk=attempt.pk).update(decision=f"{decision.next}: {why}"[:200])
    log.warning("job.attempt_failed", job=job.public_id, attempt=attempt.public_id, code=attempt.error_code, next=decision.next, why=why)
    match decision.next:
        case Next.SAME_ENGINE | Next.SALVAGE | Next.NEXT_ENGINE:
            _try_again(job, attempt, decision)
        case _:
            conclude(job, attempt, decision)
    return decision


def conclude(job: Job, attempt: Attempt, decision: Decision) -> None:
    """End a job that no engine is left for, or let it wait for the operator."""
    match decision.next:
        case Next.BLOCKED:
            times = _failures_like(job, attempt)
            block(job, code=attempt.error_code, engine=attempt.engine, fields=attempt.error_fields, salvage=attempt.salvage, times=times)
        case Next.NEEDS_NEW_FILE:
            give_up(job, JobState.NEEDS_NEW_FILE)
        case _:
            give_up(job, JobState.DEAD)


def end_ready(job: Job) -> None:
    """Every rung is made and published."""
    Publication.objects.filter(job=job).update(complete=True)
    code, fields = reasons.note(job)
    end(job, JobState.READY, code=code, fields=fields, percent=100.0)


def give_up(job: Job, state: JobState) -> None:
    """Nothing more will be tried. What can be played stays; a job without anything to play ends in `state`."""
    if Publication.objects.filter(job=job).exists():
        Publication.objects.filter(job=job).update(complete=True)
        code, fields = reasons.lower_quality(job)
        end(job, JobState.READY_PARTIAL, code=code, fields=fields)
        return
    ending = reasons.ending(job, state)
    end(job, ending.state, code=ending.code, fields=ending.fields)


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


def block(job: Job, *, code: str, engine: str, fields: dict[str, Any] | None = None, salvage: bool = False, times: int = 1) -> None:
    """The operator's move. The job looks by itself whether it was made, less and less often; `manage.py recover` does not wait for that.

    Args:
        engine: to ask again.
        times: how often it failed so.
    """
    wait = delay(times, base=BLOCKED_SECONDS, cap=BLOCKED_CAP_SECONDS, random=random.random)
    if end(job, JobState.BLOCKED, code=code, fields=fields):
        log.error("job.blocked", job=job.public_id, code=code, engine=engine, first=CATALOGUE.get(code).runbook)
        payload = {"job_id": job.public_id, "engine": engine, "salvage": salvage}
        enqueue("processing.submit", key=f"{job.public_id}:blocked:{job.version}", payload=payload, run_at=in_seconds(wait))


def _try_again(job: Job, attempt: Attempt, decision: Decision) -> None:
    retry_at = in_seconds(decision.delay_s) if decision.delay_s else None
    payload = {"job_id": job.public_id, "engine": decision.engine, "salvage": decision.next == Next.SALVAGE or attempt.salvage}
    silent = attempt.error_class == ErrorClass.ACCELERATION  # nothing that concerns anybody: it goes on the ordinary way
    reason = {} if silent else {"error_code": attempt.error_code, "error_fields": attempt.error_fields}
    Job.objects.filter(pk=job.pk, state__in=LIVE_JOB_STATES).update(
        state=JobState.QUEUED, retry_at=retry_at, version=F("version") + 1, updated_at=Now(), **reason
    )
    enqueue("processing.submit", key=f"{job.public_id}:{attempt.number}", payload=payload, run_at=retry_at)
    if retry_at and not silent and Job.objects.filter(pk=job.pk, retries_told=False).update(retries_told=True):
        job.refresh_from_db()
        job_retrying.send(sender=Job, job=job, retry_at=retry_at)


def counts_of(job: Job, attempt: Attempt) -> Counts:
    """Return what was tried before, this failure included."""
    tried = frozenset(job.attempts.filter(state__in=_FAILED).values_list("engine", flat=True))
    here, all_of_it = _waited(job, attempt)
    salvaged = job.attempts.filter(salvage=True).exists()
    return Counts(same=_failures_like(job, attempt), salvaged=salvaged, tried=tried, waited_here_s=here, waited_s=all_of_it)


def _waited(job: Job, attempt: Attempt) -> tuple[float, float]:
    """Return for how many seconds an engine, and all of them, have done nothing but put the job off: since the first failure in a row that costs no try."""
    here = everywhere = attempt.ended_at
    for earlier in job.attempts.filter(number__lt=attempt.number, state__in=_FAILED).order_by("-number"):
        if attempt.error_class not in COST_NOTHING or earlier.error_class not in COST_NOTHING:
            break
        everywhere = earlier.ended_at
        here = earlier.ended_at if earlier.engine == attempt.engine else here
    if attempt.ended_at is None or here is None or everywhere is None:
        return 0.0, 0.0
    return (attempt.ended_at - here).total_seconds(), (attempt.ended_at - everywhere).total_seconds()


def _failures_like(job: Job, attempt: Attempt) -> int:
    return job.attempts.filter(engine=attempt.engine, error_class=attempt.error_class, state__in=_FAILED).count()
