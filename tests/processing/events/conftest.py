"""Attempts at MediaConvert as rows, and a chain that has it first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now

from processing.models import Attempt, AttemptState, Job, JobState
from tests.factories import make_session, make_video
from uploads.models import SessionState, VideoState

from .envelopes import ENGINE, ENV

MakeAttempt = Callable[..., Attempt]


@pytest.fixture(autouse=True)
def _chain(settings: Any) -> None:
    settings.ENGINES, settings.MEDIACONVERT_REGIONS = [ENGINE, "local"], ["eu-west-1"]
    settings.ENVIRONMENT, settings.MEDIACONVERT_STATUS_SECONDS = ENV, 15
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_PREFIX = "s3", "holdfast-uploads", "uploads/"


@pytest.fixture
def make_attempt(db: None) -> MakeAttempt:
    """`make_attempt(state=…, external_id=…)`: an attempt at MediaConvert, of a job of its own."""
    numbers = itertools.count(1)

    def make(*, state: str = AttemptState.SUBMITTED, external_id: str | None = None, duration_s: float = 10.0, **values: Any) -> Attempt:
        video = make_video(state=VideoState.CONVERTING)
        session = make_session(video=video, state=SessionState.ACCEPTED, probe={"duration_s": duration_s, "video": {"width": 640, "height": 360}})
        job_state = JobState.QUEUED if state == AttemptState.SUBMITTING else JobState.RUNNING
        job = Job.objects.create(video=video, source=session, state=job_state, engines=[ENGINE, "local"], ladder=[{"name": "360p"}])
        named = state not in (AttemptState.CREATED, AttemptState.SUBMITTING)
        defaults = {"engine": ENGINE, "number": 1, "observation_rank": 1 if named else 0, "started_at": Now() if named else None}
        attempt = Attempt(job=job, state=state, **defaults | {"observed_at": Now() if named else None} | values)
        attempt.external_id = (f"17000000000{next(numbers):02}-remote" if named else "") if external_id is None else external_id
        attempt.save()
        attempt.refresh_from_db()
        return attempt

    return make
