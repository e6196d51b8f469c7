"""What takes longer than anything may is ended, and its job is stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from processing.events import stalls
from processing.models import Attempt, AttemptState, EngineEvent
from resilience import integrity
from resilience.models import Task

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


def breaches(name: str, *, repair: bool = False) -> tuple[int, int]:
    (outcome,) = integrity.check_all(only=[name], repair=repair)
    return outcome.found, outcome.repaired


def test_integrity_finds_what_stands_still_elsewhere_and_repairs_it(make_attempt: MakeAttempt) -> None:
    began(make_attempt(state=AttemptState.PROGRESSING), hours=49)
    make_attempt(external_id="")
    assert breaches("processing.remote_ends", repair=True) == (1, 1)
    assert breaches("processing.remote_ends") == (0, 0)
    assert breaches("processing.remote_names", repair=True) == (1, 0)
