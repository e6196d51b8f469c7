"""From CreateJob to what can be played, by news that comes through SQS, and by asking where it does not come."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from processing.errors import SubmissionUnsettled
from processing.events import consumer, queues, sweep, watch, watching
from processing.models import Attempt, AttemptState, EngineEvent, Job, JobState
from processing.services.submission import carry_on
from processing.services.verifying import verify
from resilience.circuits import circuit
from tests import media
from tests.emulator import FakeMediaConvert
from tests.processing.helpers import Context
from tests.processing.mediaconvert.conftest import _account, _settings, mediaconvert
from tests.processing.mediaconvert.rows import REGION, opened, put, source_in_s3

__all__ = ["_account", "_settings", "mediaconvert"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _queue(mediaconvert: FakeMediaConvert, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = [mediaconvert.queue_url]
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)


@pytest.fixture
def film(mediaconvert: FakeMediaConvert) -> tuple[Job, Attempt]:
    path = media.clip(seconds=2, width=320, height=180)
    session = source_in_s3(path)
    put(mediaconvert, session, path)
    return opened(session)


def heard(fake: FakeMediaConvert, attempt: Attempt, state: str) -> None:
    """Read what comes until an attempt is in a state."""
    (queue,) = queues.queues()

    def look() -> bool:
        consumer.read_once(queue, stop=threading.Event())
        attempt.refresh_from_db()
        return attempt.state == state

    fake.wait(look, what=f"the attempt did not become {state}")


def all_read() -> None:
    (queue,) = queues.queues()
    while consumer.read_once(queue, stop=threading.Event()):
        pass


def test_a_film_is_made_by_news_alone_whatever_happens_to_some_of_it(
    mediaconvert: FakeMediaConvert, film: tuple[Job, Attempt]
) -> None:  # fmt: skip
    job, attempt = film
    mediaconvert.faults({"fault": "event_doubled"}, {"fault": "event_malformed", "status": "PROGRESSING", "count": 1})
    carry_on(job.public_id)
    heard(mediaconvert, attempt, AttemptState.VERIFYING)
    verify(Context(), attempt.public_id)
    job.refresh_from_db()
    assert job.state == JobState.READY
    all_read()
    assert EngineEvent.objects.filter(news="COMPLETE", ended=True, source="event").count() == 1
    assert EngineEvent.objects.filter(outcome="malformed").exists()
    assert watching.lost_share(watching.ends()) == 0


def test_an_end_whose_news_is_lost_is_found_by_asking(mediaconvert: FakeMediaConvert, film: tuple[Job, Attempt]) -> None:
    job, attempt = film
    mediaconvert.faults({"fault": "event_lost"})
    carry_on(job.public_id)
    attempt.refresh_from_db()
    mediaconvert.ended(attempt.external_id)
    all_read()
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED
    Attempt.objects.update(observed_at=F("observed_at") - timedelta(seconds=46))
    assert watch.watch_remote() == 1
    assert watch.ask(attempt.public_id, paid=True) == "applied"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.VERIFYING
    assert watching.lost_share(watching.ends()) == 1


def test_an_error_comes_with_its_code(mediaconvert: FakeMediaConvert, film: tuple[Job, Attempt]) -> None:
    job, attempt = film
    mediaconvert.faults({"fault": "job_error", "phase": "PROBING", "code": 1020})
    carry_on(job.public_id)
    heard(mediaconvert, attempt, AttemptState.FAILED)
    assert attempt.error_class == "input_no_video"
    assert EngineEvent.objects.get(news="ERROR").ended


@pytest.mark.parametrize("by", ["event", "sweep"])
def test_a_job_whose_answer_was_lost_is_adopted(mediaconvert: FakeMediaConvert, film: tuple[Job, Attempt], by: str) -> None:
    job, attempt = film
    mediaconvert.faults({"fault": "reset_after", "operation": "CreateJob"}, *([{"fault": "event_lost"}] if by == "sweep" else []))
    with pytest.raises(SubmissionUnsettled):
        carry_on(job.public_id)
    mediaconvert.no_faults()
    circuit(f"engine.{attempt.engine}").close()
    if by == "sweep":
        assert sweep.sweep_region(REGION).adopted == 1
        attempt.refresh_from_db()
    else:
        heard(mediaconvert, attempt, AttemptState.VERIFYING)
    (made,) = mediaconvert.client(REGION).list_jobs(MaxResults=20)["Jobs"]
    assert attempt.external_id == made["Id"]
