"""News of a job elsewhere is taken in once, in whatever order and however often it comes."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connection

from processing.events.take import FOREIGN, REPEATED, take
from processing.models import Attempt, AttemptState, EngineEvent, RemoteOrphan
from resilience.models import Task

from .conftest import MakeAttempt
from .envelopes import OF_STATUS, envelope, message

pytestmark = pytest.mark.django_db


def of(attempt: Attempt, status: str, **detail: Any) -> str:
    """Return a message about an attempt's job."""
    return message(status, job_id=attempt.external_id, attempt_id=attempt.public_id, **detail)


def tasks(kind: str) -> list[str]:
    return list(Task.objects.filter(kind=kind).values_list("key", flat=True))


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [
        ("INPUT_INFORMATION", "applied", AttemptState.PROGRESSING),
        ("PROGRESSING", "applied", AttemptState.PROGRESSING),
        ("STATUS_UPDATE", "applied", AttemptState.PROGRESSING),
        ("COMPLETE", "applied", AttemptState.VERIFYING),
        ("ERROR", "applied", AttemptState.FAILED),
        ("CANCELED", "applied", AttemptState.FAILED),
        ("NEW_WARNING", "noted", AttemptState.SUBMITTED),
        ("QUEUE_HOP", "noted", AttemptState.SUBMITTED),
    ],
)
def test_each_piece_of_news_moves_its_attempt(make_attempt: MakeAttempt, status: str, outcome: str, state: str) -> None:
    assert status in OF_STATUS
    attempt = make_attempt()
    Attempt.objects.update(observed_at=None)
    assert take(of(attempt, status), message_id="m") == outcome
    attempt.refresh_from_db()
    assert attempt.state == state
    event = EngineEvent.objects.get()
    assert (event.attempt_id, event.external_id, event.news, event.outcome) == (attempt.public_id, attempt.external_id, status, outcome)
    assert event.ended is (status in ("COMPLETE", "ERROR", "CANCELED"))


def test_a_status_update_is_kept_as_how_far_the_job_was(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(observed_at=None)
    take(of(attempt, "STATUS_UPDATE"), message_id="m")
    attempt.refresh_from_db()
    event = EngineEvent.objects.get()
    assert (attempt.percent, attempt.phase) == (42.0, "transcoding")
    assert (event.percent, event.phase, event.body) == (42.0, "transcoding", {})


def test_an_error_is_classified_by_code_and_words(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    take(of(attempt, "ERROR", errorCode=1030, errorMessage="Video codec [svq1] is not a supported input video codec"), message_id="m")
    attempt.refresh_from_db()
    assert attempt.error_raw.startswith("mediaconvert 1030: Video codec [svq1]")
    assert attempt.error_class == "input_codec"


def test_complete_has_the_outputs_looked_at_and_is_believed_by_nobody_before(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    take(of(attempt, "COMPLETE"), message_id="m")
    assert tasks("processing.verify") == [attempt.public_id]
    attempt.job.refresh_from_db()
    assert attempt.job.state == "running"


def test_the_same_event_twice_is_one(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    text = of(attempt, "COMPLETE")
    assert [take(text, message_id="m"), take(text, message_id="n")] == ["applied", REPEATED]
    assert EngineEvent.objects.count() == 1
    assert tasks("processing.verify") == [attempt.public_id]


@pytest.mark.django_db(transaction=True)
def test_the_same_event_taken_in_by_two_at_once_is_one(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    text, results = of(attempt, "ERROR"), []
    begin = threading.Barrier(2)

    def consume() -> None:
        begin.wait()
        results.append(take(text, message_id="m"))
        connection.close()

    threads = [threading.Thread(target=consume) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["applied", REPEATED]
    assert EngineEvent.objects.count() == 1
    assert attempt.job.attempts.count() == 1


def test_progress_after_an_error_changes_nothing(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    assert take(of(attempt, "ERROR"), message_id="m") == "applied"
    assert take(of(attempt, "PROGRESSING"), message_id="n") == "no_change"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.FAILED


def test_progress_after_complete_changes_nothing(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    take(of(attempt, "COMPLETE"), message_id="m")
    Attempt.objects.update(observed_at=None)
    assert take(of(attempt, "STATUS_UPDATE"), message_id="n") == "no_change"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.percent) == (AttemptState.VERIFYING, 0.0)


@pytest.mark.parametrize(("first", "second"), [("COMPLETE", "ERROR"), ("ERROR", "COMPLETE"), ("CANCELED", "COMPLETE")])
def test_of_two_ends_the_first_is_believed_and_the_engine_is_asked(make_attempt: MakeAttempt, first: str, second: str) -> None:
    attempt = make_attempt()
    take(of(attempt, first), message_id="m")
    attempt.refresh_from_db()
    before = attempt.state
    assert take(of(attempt, second), message_id="n") == "contradicts"
    attempt.refresh_from_db()
    assert attempt.state == before
    assert tasks("processing.ask") == [attempt.public_id]
    assert EngineEvent.objects.filter(ended=True).values_list("news", flat=True).get() == first
    assert first in EngineEvent.objects.get(outcome="contradicts").said


def test_news_of_an_attempt_that_is_over_changes_nothing(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.SUPERSEDED)
    for status in ("STATUS_UPDATE", "COMPLETE"):
        assert take(of(attempt, status), message_id=status) == "no_change"
    assert not tasks("processing.verify")


def test_a_job_whose_attempt_does_not_know_it_yet_is_adopted(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.SUBMITTING)
    assert take(message("COMPLETE", job_id="j-late", attempt_id=attempt.public_id), message_id="m") == "applied"
    attempt.refresh_from_db()
    assert (attempt.external_id, attempt.state) == ("j-late", AttemptState.VERIFYING)
    assert not RemoteOrphan.objects.exists()


def test_a_job_of_an_attempt_that_is_over_is_stopped(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.CANCELED, external_id="")
    assert take(message("PROGRESSING", job_id="j-late", attempt_id=attempt.public_id), message_id="m") == "unknown"
    assert Task.objects.get(kind="processing.cancel_remote").payload["external_id"] == "j-late"


def test_a_job_nobody_knows_is_an_orphan_once(db: None) -> None:
    for number, status in enumerate(["PROGRESSING", "STATUS_UPDATE", "COMPLETE", "STATUS_UPDATE"]):
        assert take(message(status, job_id="j-1"), message_id=str(number)) == "unknown"
    orphan = RemoteOrphan.objects.get()
    assert (orphan.engine, orphan.external_id, orphan.status, orphan.state) == ("mediaconvert:eu-west-1", "j-1", "COMPLETE", "ended")
    assert EngineEvent.objects.filter(outcome="unknown").count() == 4


def test_a_job_that_names_an_attempt_nobody_has_is_an_orphan(db: None) -> None:
    assert take(message("PROGRESSING", job_id="j-1", attempt_id="att_gone"), message_id="m") == "unknown"
    assert RemoteOrphan.objects.get().attempt_id == "att_gone"


def test_news_of_another_installation_leaves_nothing_behind(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    assert take(message("ERROR", job_id="j-1", attempt_id="att_x", env="staging"), message_id="m") == FOREIGN
    assert not EngineEvent.objects.exists()
    assert not RemoteOrphan.objects.exists()
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED


def test_the_same_job_id_in_another_region_is_another_job(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    assert take(message("ERROR", job_id=attempt.external_id, region="eu-central-1"), message_id="m") == "unknown"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED


def test_what_cannot_be_read_is_kept_once_for_operators(db: None) -> None:
    assert [take('{"secret": "AKIAIOSFODNN7EXAMPLE"', message_id="m") for _ in range(2)] == ["malformed"] * 2
    event = EngineEvent.objects.get()
    assert (event.event_id, event.outcome, event.said) == ("message:m", "malformed", "It is not JSON.")
    assert "AKIA" not in json.dumps(event.body)


def test_a_status_of_tomorrow_is_noted(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    assert take(of(attempt, "DREAMING"), message_id="m") == "noted"


def test_secrets_in_an_event_are_not_kept(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    take(of(attempt, "ERROR", errorMessage="cannot read https://me:hunter2@host/x with AKIAIOSFODNN7EXAMPLE"), message_id="m")
    kept = json.dumps(EngineEvent.objects.get().body)
    assert "hunter2" not in kept
    assert "AKIAIOSFODNN7EXAMPLE" not in kept


def test_an_event_without_metadata_is_taken_by_the_jobs_id(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    text = json.dumps(envelope("COMPLETE", job_id=attempt.external_id))
    assert take(text, message_id="m") == "applied"
