"""One attempt never has two jobs: whatever answer is lost, whoever dies in between, however late somebody comes back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from processing.engines.mediaconvert.client import circuit_of
from processing.errors import SubmissionUnsettled
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services import submission
from processing.services.jobs import cancel_job
from processing.services.remote import adopt, stop
from processing.services.submission import QUIET_SECONDS, SAME_TOKEN_SECONDS, UNREACHABLE_SECONDS, Asked, _create, carry_on
from resilience import faults
from resilience.circuits import CircuitOpen
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests.emulator import FakeMediaConvert

from .conftest import STILL
from .rows import REGION, opened, passes

pytestmark = pytest.mark.django_db

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


def asked_in_vain(fake: FakeMediaConvert, job: Job, *, fault: str = "reset_after") -> SubmissionUnsettled:
    """Ask once, with all tries, and hear no answer."""
    fake.faults({"fault": fault, "operation": "CreateJob"})
    waiting = unsettled(job)
    fake.no_faults()
    fake.faults(*STILL)
    return waiting


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
    assert asked_in_vain(still, job).retry_after == submission.AGAIN_SECONDS
    passes(attempt, SAME_TOKEN_SECONDS - 5)
    still.advance(SAME_TOKEN_SECONDS - 5)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_token_that_may_be_over_is_not_used_again_and_the_job_is_found(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    asked_in_vain(still, job)
    passes(attempt, LATE)
    still.advance(LATE)
    carry_on(job.public_id)
    assert [state_of(attempt)[1]] == made(still, attempt)


def test_a_search_that_lags_behind_is_made_twice(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    asked_in_vain(still, job)
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
    asked_in_vain(still, job, fault="reset_before")
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
    asked_in_vain(still, job)
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
    asked_in_vain(still, job)
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
    asked_in_vain(still, job)
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


def test_a_process_that_stood_still_sends_nothing_and_decides_nothing(still: FakeMediaConvert) -> None:
    """It read that it was the first to ask, and went on a minute later: somebody else has seen to it by then."""
    _job, attempt = opened()
    with pytest.raises(SubmissionUnsettled):
        _create(attempt, Asked(first=True, age=0.1, missed=None, read_at=time.monotonic() - 60), lambda: False)
    assert still.journal("job_created") == []
    assert state_of(attempt)[0] == AttemptState.SUBMITTING


@pytest.mark.parametrize("rule", [{"fault": "forbidden"}, {"fault": "throttle"}], ids=str)
def test_who_lost_its_lease_takes_no_refusal_for_an_answer(still: FakeMediaConvert, rule: dict[str, Any]) -> None:
    job, attempt = opened()
    still.faults({"operation": "CreateJob"} | rule)
    with pytest.raises(SubmissionUnsettled):
        carry_on(job.public_id, lease_lost=lambda: True)
    assert state_of(attempt)[0] == AttemptState.SUBMITTING


def test_a_refusal_does_not_end_an_attempt_that_has_a_job(still: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch) -> None:
    job, attempt = opened()
    still.faults({"operation": "CreateJob", "fault": "forbidden"})
    real = submission._refused

    def adopted_meanwhile(*args: Any) -> None:
        adopt(attempt.public_id, "1700000000000-abcdef", region=REGION)
        real(*args)

    monkeypatch.setattr(submission, "_refused", adopted_meanwhile)
    carry_on(job.public_id)
    assert state_of(attempt) == (AttemptState.SUBMITTED, "1700000000000-abcdef")
