"""A job with an attempt under way at some engine, without a file: for what is decided from rows alone."""

from __future__ import annotations

from typing import Any

from processing.engines.base import Failure, News, Observation
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services.observe import apply_observation
from tests.factories import make_job, make_video
from tests.processing.codes import HERE, LOCAL, THERE
from uploads.models import VideoState

CHAIN = [HERE, THERE, LOCAL]


def job_at(engine: str = HERE, *, chain: list[str] | None = None, **values: Any) -> Job:
    job = make_job(video=make_video(state=VideoState.CONVERTING), state=JobState.RUNNING, engines=chain or CHAIN, ladder=[{"name": "360p"}])
    attempt_at(job, engine, **values)
    return job


def attempt_at(job: Job, engine: str, **values: Any) -> Attempt:
    values = {"state": AttemptState.PROGRESSING, "observation_rank": 2, "external_id": f"ext-{job.attempts.count()}", **values}
    return Attempt.objects.create(job=job, number=job.attempts.count() + 1, engine=engine, **values)


def fail(job: Job, failure: Failure) -> Attempt:
    """Let the newest attempt end so; return it as it is then."""
    attempt = job.attempts.latest("number")
    assert apply_observation(attempt.public_id, Observation(News.ERROR, failure=failure))
    attempt.refresh_from_db()
    job.refresh_from_db()
    return attempt


def fails_at(job: Job, engine: str, source: str, code: str, message: str = "", **values: Any) -> Attempt:
    """Begin one more attempt at an engine and let it fail."""
    attempt_at(job, engine, **values)
    return fail(job, Failure(source, code, message))
