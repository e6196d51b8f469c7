"""Give a queued job its next attempt."""

from __future__ import annotations

from django.db.models import F, Max
from django.db.models.functions import Now

from processing.engines.registry import is_remote
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState
from resilience.faults import point
from resilience.tasks import enqueue
from resilience.transactions import retried
from uploads.models import VideoState
from uploads.services.videos import set_video_state


@retried(joins=True)
def submit_job(job_id: str, *, engine: str = "", salvage: bool = False) -> Attempt | None:
    """Write down that an engine is about to be asked, and put the asking into the queue of its kind.

    1. Lock the job: of two submits one finds the other's attempt. 2. The attempt row and its task commit together; only then
    an engine hears of it. Safe to repeat. An engine elsewhere needs no task of its own: `submission.carry_on` asks it.

    Args:
        engine: the chain's entry to use; empty takes the first.
        salvage: a lenient pass over a damaged source.

    Returns:
        The attempt, or None when the job has ended or has a live one.
    """
    job = Job.objects.select_for_update().filter(public_id=job_id, state__in=LIVE_JOB_STATES).first()
    if job is None or job.attempts.filter(state__in=LIVE_ATTEMPT_STATES).exists():
        return None
    set_video_state(job.video_id, VideoState.CONVERTING, only_from=(VideoState.BLOCKED,))
    attempt = next_attempt(job, engine=engine or job.engines[0], salvage=salvage)
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, retry_at=None, version=F("version") + 1, updated_at=Now())
    if not is_remote(attempt.engine):
        enqueue("processing.transcode", key=attempt.public_id, payload={"job_id": job.public_id, "attempt_id": attempt.public_id})
    point("processing.submit.attempt_row")
    return attempt


def next_attempt(job: Job, *, engine: str, salvage: bool, chain_id: str = "") -> Attempt:
    """Insert the next attempt of a locked job, in state `submitting`.

    Args:
        chain_id: public id of the attempt whose task goes on with this one; empty for an attempt with a task of its own.
    """
    last = job.attempts.aggregate(last=Max("number"))["last"] or 0
    attempt = Attempt(job=job, number=last + 1, engine=engine, salvage=salvage, state=AttemptState.SUBMITTING)
    attempt.client_token = chain_id or attempt.public_id
    attempt.save(force_insert=True)
    attempt.refresh_from_db()
    return attempt
