"""One attempt never has two jobs: whatever answer is lost, whoever dies in between, however late somebody comes back."""

from __future__ import annotations

from typing import Any

import pytest

from processing.engines.mediaconvert.client import circuit_of
from processing.errors import SubmissionUnsettled
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services import submission
from processing.services.jobs import cancel_job
from processing.services.remote import stop
from processing.services.submission import QUIET_SECONDS, SAME_TOKEN_SECONDS, UNREACHABLE_SECONDS, Asked, carry_on
from resilience import faults
from resilience.circuits import CircuitOpen
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests.emulator import FakeMediaConvert

from .rows import REGION, opened, passes

pytestmark = pytest.mark.django_db

ANSWER_LOST = {"fault": "reset_after", "operation": "CreateJob", "count": 3}
NEVER_ARRIVES = {"fault": "reset_before", "operation": "CreateJob", "count": 3}
LATE = SAME_TOKEN_SECONDS + 20


class Died(BaseException):
    """A worker's death."""


def made(fake: FakeMediaConvert, attempt: Attempt) -> list[str]:
    """Return the ids of the jobs that were made for an attempt."""
    jobs = fake.client(REGION).list_jobs(MaxResults=20)["Jobs"]
    return [job["Id"] for job in jobs if job["UserMetadata"]["attempt_id"] == attempt.public_id]


def state_of(attempt: Attempt) -> tuple[str, str]:
    attempt.refresh_from_db()
    return attempt.state, attempt.external_id


def unsettled(job: Job) -> SubmissionUnsettled:
    with pytest.raises(SubmissionUnsettled) as waiting:
        carry_on(job.public_id)
    return waiting.value


def wanted() -> list[str]:
    return list(Task.objects.filter(state="pending").order_by("created_at").values_list("kind", flat=True))


def test_an_attempt_is_asked_for_once_and_holds_no_worker(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    carry_on(job.public_id)
    carry_on(job.public_id)
    (external_id,) = made(still, attempt)
    assert state_of(attempt) == (AttemptState.SUBMITTED, external_id)
    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    assert "processing.transcode" not in wanted()


def test_a_lost_answer_is_asked_for_again_with_the_same_token(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    assert unsettled(job).retry_after == submission.AGAIN_SECONDS
    passes(attempt, SAME_TOKEN_SECONDS - 5)
    still.advance(SAME_TOKEN_SECONDS - 5)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_token_that_may_be_over_is_not_used_again_and_the_job_is_found(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    unsettled(job)
    passes(attempt, LATE)
    still.advance(LATE)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_search_that_lags_behind_is_made_twice(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    unsettled(job)
    passes(attempt, LATE)
    still.faults({"fault": "lag", "operation": "SearchJobs", "seconds": 3600, "count": 2})
    assert unsettled(job).retry_after == QUIET_SECONDS
    assert unsettled(job).retry_after == pytest.approx(QUIET_SECONDS, abs=5), "no second look before its time"
    assert state_of(attempt)[0] == AttemptState.SUBMITTING
    passes(attempt, QUIET_SECONDS)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_what_never_arrived_is_lost_after_two_looks_and_another_attempt_follows(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(NEVER_ARRIVES)
    unsettled(job)
    passes(attempt, LATE)
    unsettled(job)
    passes(attempt, QUIET_SECONDS)
    carry_on(job.public_id)
    assert state_of(attempt) == (AttemptState.LOST, "")
    assert made(still, attempt) == []
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert "processing.submit" in wanted()


@pytest.mark.parametrize(("fault", "error_class"), [("forbidden", "iam"), ("quota", "capacity"), ("throttle", "throttled")])
def test_a_refusal_ends_the_attempt_at_once(still: FakeMediaConvert, fault: str, error_class: str) -> None:
    job, attempt = opened()
    still.faults({"operation": "CreateJob", "fault": fault})
    carry_on(job.public_id)
    assert state_of(attempt)[0] == AttemptState.FAILED
    assert attempt.error_raw.startswith("botocore ")
    assert attempt.error_class == error_class


def test_a_refusal_after_a_lost_answer_settles_nothing(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    unsettled(job)
    still.faults({"fault": "forbidden", "operation": "CreateJob", "count": 1})
    unsettled(job)
    assert state_of(attempt)[0] == AttemptState.SUBMITTING
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_region_without_a_connection_ends_the_attempt_at_once(still: FakeMediaConvert, settings: Any) -> None:
    job, attempt = opened()
    settings.MEDIACONVERT_ENDPOINT_URL = "http://127.0.0.1:9"
    carry_on(job.public_id)
    assert state_of(attempt)[0] == AttemptState.FAILED
    assert attempt.error_class == "transient"


def test_a_circuit_that_is_open_costs_no_attempt(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    circuit_of(REGION).open()
    with pytest.raises(CircuitOpen):
        carry_on(job.public_id)
    assert not Attempt.objects.filter(pk=attempt.pk).exists()
    assert still.journal("job_created") == []


def test_a_region_that_cannot_even_be_searched_is_left_and_tidied_up_later(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    unsettled(job)
    still.faults({"fault": "region_down", "region": REGION})
    passes(attempt, LATE)
    unsettled(job)
    passes(attempt, UNREACHABLE_SECONDS)
    carry_on(job.public_id)
    assert state_of(attempt) == (AttemptState.FAILED, "")
    task = Task.objects.get(kind="processing.cancel_remote")
    assert task.run_at > task.created_at, "not before whoever asked has ended"
    still.no_faults()
    kind_of(task.kind).body(None, **task.payload)
    (external_id,) = made(still, attempt)
    assert still.ended(external_id)["Status"] == "CANCELED"


def test_a_job_that_is_made_for_a_canceled_attempt_is_stopped(still: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch) -> None:
    job, attempt = opened()
    real = submission._take

    def canceled_meanwhile(*args: Any) -> None:
        cancel_job(job, by=None, reason="changed my mind")
        real(*args)

    monkeypatch.setattr(submission, "_take", canceled_meanwhile)
    carry_on(job.public_id)
    assert state_of(attempt) == (AttemptState.CANCELED, "")
    for task in Task.objects.filter(kind="processing.cancel_remote"):
        kind_of(task.kind).body(None, **task.payload)
    (external_id,) = made(still, attempt)
    assert still.ended(external_id)["Status"] == "CANCELED"


def test_of_two_jobs_the_older_is_kept_and_the_other_stopped(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    still.faults(ANSWER_LOST)
    unsettled(job)
    still.advance(61)
    order = submission.order_for(attempt, source=submission.source_url(REGION, submission.source_key(attempt)))
    second = submission.remote_engine(attempt.engine).create(order, begin_seconds=10).external_id  # as somebody's who broke the rules
    first = next(each for each in made(still, attempt) if each != second)
    passes(attempt, LATE)
    carry_on(job.public_id)
    assert state_of(attempt) == (AttemptState.SUBMITTED, first)
    task = Task.objects.get(kind="processing.cancel_remote")
    kind_of(task.kind).body(None, **task.payload)
    assert still.ended(second)["Status"] == "CANCELED"
    assert stop(attempt.public_id, first, region=REGION) == 0, "a live attempt's own job is never stopped"


@pytest.mark.parametrize("where", ["asked", "made", "named"])
def test_a_death_between_any_two_steps_leaves_one_job(still: FakeMediaConvert, where: str) -> None:
    job, attempt = opened()
    with faults.armed(f"raise={Died.__module__}.Died@processing.submission.{where}"), pytest.raises(Died):
        carry_on(job.public_id)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_process_that_stood_still_sends_nothing_any_more(still: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read that its token was young, and went on a minute later: another has settled it by then."""
    job, attempt = opened()
    real = submission._create

    def a_minute_later(attempt: Attempt, asked: Asked) -> None:
        real(attempt, Asked(asked.first, asked.age, asked.missed, asked.read_at - 60))

    monkeypatch.setattr(submission, "_create", a_minute_later)
    carry_on(job.public_id)
    assert still.journal("job_created") == []
    assert state_of(attempt)[0] == AttemptState.FAILED
