"""The only way news of an attempt gets in, from whichever engine and however often."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now

from processing.classify import classify
from processing.engines.base import ENDED_RANK, RANK, RAW_LIMIT, Failure, News, Observation, RungOutput
from processing.engines.registry import is_remote
from processing.models import LIVE_ATTEMPT_STATES, Attempt, AttemptState, Job, JobState, Rendition, RenditionState
from processing.services import look, outcomes, settle
from processing.services.publish import publish
from processing.signals import job_progressed
from resilience.faults import point
from resilience.tasks import enqueue
from resilience.transactions import retried, settled

PROGRESS_SECONDS = 2.0


def apply_observation(attempt_id: str, observation: Observation) -> bool:
    """Compare one piece of news with what is known, and set what is newer.

    News never goes down in rank (submitted 1, progressing 2, ended 3), a terminal state absorbs everything, and the same news twice is
    one change. Effects outside the database (playlists) happen before the statement that makes them visible.

    Args:
        attempt_id: public id.

    Returns:
        True when it changed anything; False for late, repeated or unknown news.
    """
    match observation.news:
        case News.SUBMITTED:
            return _submitted(attempt_id, observation)
        case News.PROGRESSING | News.RUNG_WRITTEN:
            return _progressed(attempt_id, observation)
        case News.RUNG_READY:
            assert observation.output is not None
            return _rung_ready(attempt_id, observation.output, observation.poster)
        case News.COMPLETE:
            return _completed(attempt_id)
        case News.ERROR:
            return _failed(attempt_id, observation.failure or Failure("engine", "FAILED", "no reason given"))
        case News.CANCELED:
            return _canceled(attempt_id)


def _live(attempt_id: str, observation_rank: int) -> QuerySet[Attempt]:
    return Attempt.objects.filter(public_id=attempt_id, state__in=LIVE_ATTEMPT_STATES, observation_rank__lte=observation_rank)


def lock_job_of(attempt_id: str) -> Job | None:
    """Lock the job before its attempt, as everybody does: two orders of locks would wait for each other for ever."""
    return Job.objects.select_for_update(of=("self",)).filter(attempts__public_id=attempt_id).first()


@retried(joins=True)
def _submitted(attempt_id: str, observation: Observation) -> bool:
    job = lock_job_of(attempt_id)
    fresh = _live(attempt_id, RANK[News.SUBMITTED]).filter(state__in=(AttemptState.CREATED, AttemptState.SUBMITTING))
    values = {"state": AttemptState.SUBMITTED, "observation_rank": RANK[News.SUBMITTED], "started_at": Now(), "observed_at": Now()}
    if job is None or not fresh.update(external_id=observation.external_id, **values):
        return False
    Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(state=JobState.RUNNING, retry_at=None, version=F("version") + 1, updated_at=Now())
    job.refresh_from_db()
    job_progressed.send(sender=Job, job=job)
    return True


@retried(joins=True)
def _progressed(attempt_id: str, observation: Observation) -> bool:
    percent = min(100.0, max(0.0, observation.percent or 0.0))
    due = Q(observed_at__isnull=True) | Q(observed_at__lt=Now() - timedelta(seconds=PROGRESS_SECONDS)) | ~Q(phase=observation.phase)
    running = _live(attempt_id, RANK[News.PROGRESSING]).exclude(state=AttemptState.VERIFYING).filter(due)
    if not running.exists():
        return False  # too soon after the last one, late, or over
    job = lock_job_of(attempt_id)
    values = {"state": AttemptState.PROGRESSING, "observation_rank": RANK[News.PROGRESSING], "phase": observation.phase[:60], "observed_at": Now()}
    if job is None or not running.update(percent=Greatest(F("percent"), percent), **values):
        return False
    Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(percent=Greatest(F("percent"), percent), updated_at=Now())
    job.refresh_from_db()
    job_progressed.send(sender=Job, job=job)
    return True


def _rung_ready(attempt_id: str, output: RungOutput, poster: str) -> bool:
    def made_before() -> int | None:
        mine = Rendition.objects.filter(attempt__public_id=attempt_id, rung=output.rung, path=output.path, state=RenditionState.READY)
        return mine.values_list("job_id", flat=True).first()

    # An answer that was lost must not leave a rung that is ready and not shown until the last one is.
    job_id = settled(lambda: _make_ready(attempt_id, output), reread=made_before)
    if not job_id:
        return False
    point("processing.observe.rung_ready")
    publish(job_id, poster=poster)
    point("processing.observe.rung_shown")
    return True


def _make_ready(attempt_id: str, output: RungOutput) -> int:
    """Return the job's key; 0 when the rung was ready before, or the attempt is over."""
    job = lock_job_of(attempt_id)
    attempt = _live(attempt_id, RANK[News.PROGRESSING]).first()
    if job is None or attempt is None:
        return 0
    rendition, _ = Rendition.objects.get_or_create(job=job, rung=output.rung)
    made = Rendition.objects.filter(pk=rendition.pk).exclude(state=RenditionState.READY).update(
        attempt=attempt, state=RenditionState.READY, path=output.path, size=output.size, duration_s=output.duration_s, width=output.width,
        height=output.height, bitrate=output.bitrate, codecs=output.codecs, ready_at=Now(),
    )  # fmt: skip
    return job.pk if made else 0


def _completed(attempt_id: str) -> bool:
    """An engine elsewhere only says so: what it made is looked at by a task of its own, which then calls `finish`."""
    engine = Attempt.objects.filter(public_id=attempt_id).values_list("engine", flat=True).first()
    return _to_be_verified(attempt_id) if engine and is_remote(engine) else finish(attempt_id)


@retried(joins=True)
def _to_be_verified(attempt_id: str) -> bool:
    job = lock_job_of(attempt_id)
    before = _live(attempt_id, RANK[News.PROGRESSING]).exclude(state=AttemptState.VERIFYING)
    if job is None or not before.update(state=AttemptState.VERIFYING, observation_rank=RANK[News.PROGRESSING], phase="", observed_at=Now()):
        return False
    enqueue("processing.verify", key=attempt_id, payload={"job_id": job.public_id, "attempt_id": attempt_id})
    point("processing.observe.to_be_verified")
    return True


def finish(attempt_id: str) -> bool:
    """1. Look whether every rung is there. 2. Publish them all. 3. End the attempt and the job in one transaction."""
    job = _verifying(attempt_id)
    if job is None:
        return False
    point("processing.observe.verifying")
    ready = set(job.renditions.filter(state=RenditionState.READY).values_list("rung", flat=True))
    missing = [rung["name"] for rung in job.ladder if rung["name"] not in ready]
    if missing:
        return _failed(attempt_id, Failure("verify", "missing", f"said to be complete without {', '.join(missing)}"))
    publish(job.pk)
    point("processing.observe.all_shown")
    return _succeeded(attempt_id)


@retried(joins=True)
def _verifying(attempt_id: str) -> Job | None:
    job = lock_job_of(attempt_id)
    found = _live(attempt_id, RANK[News.PROGRESSING]).update(state=AttemptState.VERIFYING, phase="", observed_at=Now())
    return job if found else None


@retried(joins=True)
def _succeeded(attempt_id: str) -> bool:
    job = lock_job_of(attempt_id)
    ended = _live(attempt_id, RANK[News.PROGRESSING]).update(
        state=AttemptState.SUCCEEDED, observation_rank=ENDED_RANK, percent=100.0, ended_at=Now(), observed_at=Now()
    )
    if job is None or not ended:
        return False
    settle.end_ready(job)
    outcomes.count(Attempt.objects.get(public_id=attempt_id))
    point("processing.observe.ended")
    return True


@retried(joins=True)
def _failed(attempt_id: str, failure: Failure) -> bool:
    found = classify(failure)
    job = lock_job_of(attempt_id)
    ended = _live(attempt_id, RANK[News.PROGRESSING]).update(
        state=AttemptState.LOST if failure.source == "engine" and failure.code == "LOST" else AttemptState.FAILED,
        observation_rank=ENDED_RANK, ended_at=Now(), observed_at=Now(), error_code=found.code,
        error_class=found.error_class, error_fields=dict(found.fields), error_raw=_raw(failure),
    )  # fmt: skip
    if job is None or not ended:
        return False
    attempt = Attempt.objects.get(public_id=attempt_id)
    if found.ambiguous:
        look.look_first(job, attempt)
    else:
        settle.after_failure(job, attempt)
    point("processing.observe.failed")
    return True


def _canceled(attempt_id: str) -> bool:
    """The engine says it was canceled. When we did not ask for it, somebody outside did: that is a failure to be tried again."""
    return _failed(attempt_id, Failure("engine", "FAILED", "canceled from outside"))


def _raw(failure: Failure) -> str:
    head = " ".join(part for part in (failure.source, failure.code) if part)
    return f"{head}: {failure.message}"[:RAW_LIMIT].replace("\x00", "")
