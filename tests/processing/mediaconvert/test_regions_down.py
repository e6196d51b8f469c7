"""Regions that do not answer at all: the next one takes over, then our own engine, and the owner loses nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from processing import tasks
from processing.engines.base import EngineFailure
from processing.engines.mediaconvert import client
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services.jobs import open_job
from resilience.errors import AppError
from resilience.models import CircuitEvent, Task
from tests.emulator import FakeMediaConvert
from tests.processing.codes import HERE, LOCAL, THERE
from tests.processing.failing import CHAIN
from tests.processing.helpers import Context

from .rows import source_in_s3

pytestmark = pytest.mark.django_db

MOST_RUNS = 60
A_WHILE = timedelta(minutes=4)


@pytest.fixture
def job(still: FakeMediaConvert, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Job:
    """One that may go to two regions and then to us. boto3 tries each call once: its own waits are not what is tried here."""
    settings.ENGINES, settings.MEDIACONVERT_REGIONS = CHAIN, ["eu-west-1", "eu-central-1"]
    monkeypatch.setattr(client, "TRIES", 1)
    monkeypatch.setattr(client, "_clients", {})
    return open_job(source_in_s3())


def until_taken(job: Job) -> str:
    """Run the job's tasks, with minutes between, until an engine has it. Return which."""
    for _ in range(MOST_RUNS):
        task = Task.objects.filter(kind="processing.submit", payload__job_id=job.public_id).latest("pk")
        with suppress(AppError, EngineFailure):  # the task comes back
            tasks.submit_job(Context(), **task.payload)
        newest = job.attempts.order_by("number").last()
        if newest and (newest.state == AttemptState.SUBMITTED or newest.engine == LOCAL):
            return newest.engine
        Attempt.objects.filter(job=job).update(asked_at=F("asked_at") - A_WHILE, missed_at=F("missed_at") - A_WHILE)
        CircuitEvent.objects.update(at=F("at") - A_WHILE)
    raise AssertionError(list(job.attempts.values_list("engine", "state", "decision")))


def test_with_one_region_down_the_other_takes_the_job(job: Job, still: FakeMediaConvert) -> None:
    still.faults({"fault": "region_down", "region": "eu-west-1"})
    assert until_taken(job) == THERE
    assert [entry["region"] for entry in still.journal("job_created")] == ["eu-central-1"]


def test_with_both_regions_down_it_is_ours_and_the_owner_need_do_nothing(job: Job, still: FakeMediaConvert) -> None:
    still.faults({"fault": "region_down"})
    assert until_taken(job) == LOCAL
    assert Task.objects.filter(kind="processing.transcode", payload__job_id=job.public_id).count() == 1
    assert still.journal("job_created") == []
    job.refresh_from_db()
    assert job.state in (JobState.QUEUED, JobState.RUNNING)
    assert {HERE, THERE} <= set(job.attempts.values_list("engine", flat=True))
