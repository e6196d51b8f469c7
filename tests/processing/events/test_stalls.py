"""What takes longer than anything may is ended; what nobody settles or verifies is given to somebody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from processing.events import stalls
from processing.models import Attempt, AttemptState, EngineEvent
from resilience import integrity
from resilience.models import Task
from resilience.tasks import enqueue

from .conftest import MakeAttempt

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("duration", "hours"), [(0.0, 1.0), (60.0, 4 / 3), (3600.0, 21.0), (20_000.0, 48.0), (None, 48.0), (-5.0, 1.0)]
)  # fmt: skip
def test_a_job_may_take_twenty_times_its_length_and_an_hour_and_two_days_at_most(duration: float | None, hours: float) -> None:
    assert stalls.cap(duration) == timedelta(hours=hours)


def began(attempt: Attempt, **ago: float) -> Attempt:
    Attempt.objects.filter(pk=attempt.pk).update(started_at=Now() - timedelta(**ago), observed_at=Now())
    return attempt


def test_an_attempt_over_its_cap_ends_as_stalled_and_its_job_is_stopped(make_attempt: MakeAttempt) -> None:
    slow = began(make_attempt(state=AttemptState.PROGRESSING, duration_s=60), hours=1, minutes=21)
    fine = began(make_attempt(state=AttemptState.PROGRESSING, duration_s=3600), hours=20)
    waits = began(make_attempt(duration_s=60), hours=1, minutes=19)
    assert stalls.end_stalled(dry_run=True) == 1
    assert stalls.end_stalled() == 1
    assert stalls.end_stalled() == 0
    slow.refresh_from_db()
    assert (slow.state, slow.error_class) == (AttemptState.FAILED, "stalled")
    assert Task.objects.get(kind="processing.cancel_remote").payload["external_id"] == slow.external_id
    assert EngineEvent.objects.get(attempt_id=slow.public_id).news == "STALLED"
    for attempt in (fine, waits):
        attempt.refresh_from_db()
        assert attempt.state in (AttemptState.PROGRESSING, AttemptState.SUBMITTED)


def test_a_source_of_unknown_length_has_two_days(make_attempt: MakeAttempt) -> None:
    attempt = began(make_attempt(), hours=47)
    attempt.job.source.probe = {}
    attempt.job.source.save()
    assert stalls.end_stalled() == 0
    began(attempt, hours=49)
    assert stalls.end_stalled() == 1


def test_a_question_nobody_brings_to_an_answer_gets_a_task(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.SUBMITTING)
    assert stalls.settle_unsettled() == 0
    Attempt.objects.update(created_at=Now() - timedelta(minutes=2))
    assert stalls.settle_unsettled(dry_run=True) == 1
    assert stalls.settle_unsettled() == 1
    assert Task.objects.get(kind="processing.submit").payload == {"job_id": attempt.job.public_id, "engine": attempt.engine, "salvage": False}
    assert stalls.settle_unsettled() == 0


def test_a_question_whose_task_waits_is_left_to_it(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.SUBMITTING)
    Attempt.objects.update(created_at=Now() - timedelta(minutes=2))
    enqueue("processing.submit", key=attempt.job.public_id, payload={"job_id": attempt.job.public_id})
    assert stalls.settle_unsettled() == 0


def test_outputs_nobody_looks_at_get_a_task(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.VERIFYING)
    assert stalls.verify_unverified() == 0
    Attempt.objects.update(observed_at=Now() - timedelta(minutes=2))
    assert stalls.verify_unverified() == 1
    assert Task.objects.get(kind="processing.verify").key == attempt.public_id
    assert stalls.verify_unverified() == 0


def breaches(name: str, *, repair: bool = False) -> tuple[int, int]:
    (outcome,) = integrity.check_all(only=[name], repair=repair)
    return outcome.found, outcome.repaired


def test_integrity_finds_what_stands_still_elsewhere_and_repairs_it(make_attempt: MakeAttempt) -> None:
    began(make_attempt(state=AttemptState.PROGRESSING), hours=49)
    make_attempt(state=AttemptState.SUBMITTING)
    make_attempt(state=AttemptState.VERIFYING)
    make_attempt(external_id="")
    Attempt.objects.update(created_at=Now() - timedelta(minutes=2))
    Attempt.objects.filter(state=AttemptState.VERIFYING).update(observed_at=Now() - timedelta(minutes=2))
    for name in ("remote_ends", "remote_asked", "remote_outputs"):
        assert breaches(f"processing.{name}", repair=True) == (1, 1), name
        assert breaches(f"processing.{name}") == (0, 0), name
    assert breaches("processing.remote_names", repair=True) == (1, 0)
