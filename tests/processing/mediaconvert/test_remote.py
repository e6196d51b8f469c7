"""Jobs of MediaConvert beside our rows: one turns up, one is not wanted any more, one is asked how it goes, one is nobody's business here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from processing.engines.base import News
from processing.engines.mediaconvert.engine import MediaConvertEngine
from processing.engines.mediaconvert.news import observation
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services import reap
from processing.services.jobs import cancel_job, open_job
from processing.services.remote import Adopted, adopt, ask
from processing.services.submission import carry_on, order_for, source_key, source_url
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests.emulator import FakeMediaConvert
from tests.factories import make_session
from uploads.models import SessionState
from uploads.services.delete import delete_video

from .rows import ENGINE, PROBE, REGION, opened

pytestmark = pytest.mark.django_db


def submitted() -> tuple[Job, Attempt]:
    job, attempt = opened()
    carry_on(job.public_id)
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED
    return job, attempt


def another_job(attempt: Attempt, fake: FakeMediaConvert) -> str:
    """Make a second job for an attempt, as nobody should."""
    fake.advance(61)
    order = order_for(attempt, source=source_url(REGION, source_key(attempt)))
    return MediaConvertEngine(ENGINE).create(order).external_id


def carry_out(kind: str) -> None:
    for task in Task.objects.filter(kind=kind, state="pending"):
        kind_of(kind).body(None, **task.payload)


def status(fake: FakeMediaConvert, external_id: str) -> str:
    return str(fake.client(REGION).get_job(Id=external_id)["Job"]["Status"])


def test_a_job_that_turns_up_is_taken_by_the_attempt_that_waits_for_it(still: FakeMediaConvert) -> None:
    _job, attempt = opened()
    external_id = another_job(attempt, still)
    assert adopt(attempt.public_id, external_id, region=REGION) is Adopted.ADOPTED
    attempt.refresh_from_db()
    assert (attempt.state, attempt.external_id) == (AttemptState.SUBMITTED, external_id)
    assert adopt(attempt.public_id, external_id, region=REGION) is Adopted.KNOWN


def test_of_two_jobs_the_older_one_is_taken_even_when_it_turns_up_later(still: FakeMediaConvert) -> None:
    _job, attempt = opened()
    older, newer = another_job(attempt, still), another_job(attempt, still)
    assert adopt(attempt.public_id, newer, region=REGION) is Adopted.ADOPTED
    assert adopt(attempt.public_id, older, region=REGION) is Adopted.ADOPTED
    attempt.refresh_from_db()
    assert attempt.external_id == older
    carry_out("processing.cancel_remote")
    assert (status(still, older), status(still, newer)) == ("SUBMITTED", "CANCELED")


def test_of_two_jobs_the_younger_one_is_stopped(still: FakeMediaConvert) -> None:
    _job, attempt = submitted()
    newer = another_job(attempt, still)
    assert adopt(attempt.public_id, newer, region=REGION) is Adopted.STRAY
    carry_out("processing.cancel_remote")
    assert (status(still, attempt.external_id), status(still, newer)) == ("SUBMITTED", "CANCELED")


@pytest.mark.parametrize("state", [AttemptState.LOST, AttemptState.FAILED, AttemptState.CANCELED, AttemptState.SUCCEEDED])
def test_a_job_of_an_attempt_that_is_over_is_stopped(still: FakeMediaConvert, state: str) -> None:
    _job, attempt = opened()
    external_id = another_job(attempt, still)
    Attempt.objects.filter(pk=attempt.pk).update(state=state, ended_at=Now())
    assert adopt(attempt.public_id, external_id, region=REGION) is Adopted.STRAY
    carry_out("processing.cancel_remote")
    assert status(still, external_id) == "CANCELED"


def test_a_job_in_another_region_than_the_attempt_s_is_a_stray(still: FakeMediaConvert) -> None:
    _job, attempt = submitted()
    assert adopt(attempt.public_id, "1700000000000-abcdef", region="eu-central-1") is Adopted.STRAY
    assert Task.objects.get(kind="processing.cancel_remote").payload["region"] == "eu-central-1"


def test_a_job_of_nobody_is_unknown(still: FakeMediaConvert) -> None:
    assert adopt("att_of_nobody", "1700000000000-abcdef", region=REGION) is Adopted.UNKNOWN


def test_canceling_a_job_stops_it_elsewhere_and_may_be_repeated(still: FakeMediaConvert) -> None:
    job, attempt = submitted()
    cancel_job(job, by=None, reason="changed my mind")
    for _ in range(2):
        carry_out("processing.cancel_remote")
    assert status(still, attempt.external_id) == "CANCELED"


def test_a_newer_file_stops_the_job_over_the_older_one(still: FakeMediaConvert) -> None:
    job, attempt = submitted()
    open_job(make_session(video=job.video, length=10, committed=10, state=SessionState.ACCEPTED, probe=PROBE))
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUPERSEDED
    carry_out("processing.cancel_remote")
    assert status(still, attempt.external_id) == "CANCELED"


def test_deleting_a_video_stops_its_job(still: FakeMediaConvert) -> None:
    job, attempt = submitted()
    delete_video(job.video)
    assert not Attempt.objects.filter(pk=attempt.pk).exists()
    carry_out("processing.cancel_remote")
    assert status(still, attempt.external_id) == "CANCELED"


def test_asking_how_a_job_goes(still: FakeMediaConvert) -> None:
    _job, attempt = submitted()
    assert ask(attempt).news is News.SUBMITTED
    attempt.external_id = "1700000000000-abcdef"
    lost = ask(attempt)
    assert lost.failure is not None
    assert (lost.news, lost.failure.source, lost.failure.code) == (News.ERROR, "engine", "LOST")


@pytest.mark.parametrize(
    ("job", "news", "percent", "phase"),
    [
        ({"Status": "SUBMITTED"}, News.SUBMITTED, None, ""),
        ({"Status": "PROGRESSING", "JobPercentComplete": 40, "CurrentPhase": "TRANSCODING"}, News.PROGRESSING, 40.0, "transcoding"),
        ({"Status": "PROGRESSING", "JobPercentComplete": None, "CurrentPhase": "PROBING"}, News.PROGRESSING, None, "probing"),
        ({"Status": "COMPLETE"}, News.COMPLETE, 100.0, ""),
        ({"Status": "CANCELED"}, News.CANCELED, None, ""),
        ({"Status": "SOMETHING_NEW"}, News.PROGRESSING, None, ""),
    ],
    ids=lambda value: value.get("Status") if isinstance(value, dict) else None,
)
def test_what_a_job_says_is_said_in_our_words(job: dict[str, Any], news: News, percent: float | None, phase: str) -> None:
    found = observation({"Id": "1", **job})
    assert (found.news, found.percent, found.phase, found.external_id) == (news, percent, phase, "1")


def test_a_failed_job_says_why_in_its_own_words() -> None:
    failure = observation({"Id": "1", "Status": "ERROR", "ErrorCode": 1076, "ErrorMessage": "end of file hit"}).failure
    assert failure is not None
    assert (failure.source, failure.code, failure.message) == ("mediaconvert", "1076", "end of file hit")
    empty = observation({"Id": "1", "Status": "ERROR", "ErrorCode": 1999}).failure
    assert empty is not None
    assert empty.message == ""


def test_a_job_that_runs_elsewhere_needs_no_task_of_ours(still: FakeMediaConvert) -> None:
    job, attempt = submitted()
    Task.objects.all().delete()
    Job.objects.filter(pk=job.pk).update(updated_at=Now() - timedelta(minutes=5))
    assert reap.resume_jobs() == 0
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED


def test_an_attempt_that_nobody_asks_for_any_more_is_asked_for_again_and_not_given_up(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    Task.objects.all().delete()
    Job.objects.filter(pk=job.pk).update(updated_at=Now() - timedelta(minutes=5))
    assert reap.resume_jobs() == 1
    attempt.refresh_from_db()
    job.refresh_from_db()
    assert (attempt.state, job.state) == (AttemptState.SUBMITTING, JobState.QUEUED)
    assert Task.objects.get(kind="processing.submit").payload["job_id"] == job.public_id


def test_outputs_that_nobody_looks_at_any_more_are_looked_at_again(still: FakeMediaConvert) -> None:
    job, attempt = submitted()
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.VERIFYING)
    Task.objects.all().delete()
    Job.objects.filter(pk=job.pk).update(updated_at=Now() - timedelta(minutes=5))
    assert reap.resume_jobs() == 1
    assert Task.objects.get(kind="processing.verify").key == attempt.public_id
