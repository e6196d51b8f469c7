"""Every error code of MediaConvert, through the one way in for news: its class, what is decided, where the job stands, and who is told what."""

from __future__ import annotations

import pytest

from processing.classify import ErrorClass
from processing.engines.base import Failure
from processing.job_page import context
from processing.models import AttemptState, JobState
from processing.services.look import Seen, _decide
from resilience.errors import CATALOGUE
from resilience.http.cards import error_card
from resilience.models import Task
from tests.processing.codes import CASES, HERE, LOCAL, LOOK, NEW_FILE, Case
from tests.processing.failing import fail, job_at
from uploads.models import VideoState

pytestmark = pytest.mark.django_db

NASTY = "s3://holdfast-private/uploads/u1/source.mp4 arn:aws:iam::111122223333:role/hidden AKIAIOSFODNN7EXAMPLE"
HIDDEN = ("s3:", "arn:", "AKIA", "holdfast-private", "hidden")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{CASES.index(case)}")
def test_what_comes_of_a_code(case: Case) -> None:
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", case.code, f"{case.message} {NASTY}"))

    assert (attempt.state, attempt.error_class, attempt.error_code) == (AttemptState.FAILED, case.error_class, case.entry)
    if case.decision == LOOK:
        assert attempt.decision == "", "nothing is decided before somebody looked"
        assert Task.objects.filter(kind="processing.look", payload__attempt_id=attempt.public_id).exists()
        assert (job.state, job.error_code) == (JobState.RUNNING, ""), "nobody is blamed"
    else:
        assert attempt.decision.startswith(f"{case.decision}: {case.error_class}")
        task = Task.objects.filter(kind="processing.submit", payload__job_id=job.public_id).first()
        assert (task.payload["engine"] if task else "") == case.engine
        assert job.state == (JobState.NEEDS_NEW_FILE if case.decision == NEW_FILE else JobState.QUEUED)
    job.video.refresh_from_db()
    assert job.video.state == (VideoState.NEEDS_NEW_FILE if case.decision == NEW_FILE else VideoState.CONVERTING)

    told = f"{job.error_fields} {error_card(job.error_code, job.error_fields)} {job.video.error_code} {job.video.error_fields}"
    assert not any(word in told for word in HIDDEN), "an engine's own words stay inside"
    shown = context(job)["bars"][0]
    assert shown.attempt.error_raw == f"mediaconvert {case.code}: {case.message} {NASTY}"
    assert len(shown.runbook) > 20
    assert shown.entry is CATALOGUE.get(case.entry)


@pytest.mark.parametrize("case", [case for case in CASES if case.decision == LOOK], ids=lambda case: f"{case.name}-{CASES.index(case)}")
def test_an_ambiguous_code_of_a_broken_file_is_the_files(case: Case) -> None:
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", case.code, case.message))
    assert _decide(attempt.public_id, Seen("ENCODING_SOURCE_UNREADABLE", "the file is at fault"))
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, job.error_code, attempt.error_class) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_UNREADABLE", ErrorClass.INPUT_UNREADABLE)
    assert not _decide(attempt.public_id, Seen("ENCODING_SOURCE_LOST", "twice")), "decided once"


def test_a_new_code_is_tried_once_more_then_elsewhere() -> None:
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", "4711", "brand new"))
    assert (attempt.error_code, attempt.error_class) == ("ENCODING_UNCLASSIFIED", "unclassified")
    assert attempt.decision.startswith("same_engine")
    assert Task.objects.get(kind="processing.submit", payload__job_id=job.public_id).payload["engine"] == HERE
    assert LOCAL in job.engines
