"""The page of a job: what each engine said and was heard to do, its own job there, and a retry with the engine an operator chooses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from processing.engines.base import Failure
from processing.models import EngineEvent, Job, JobState, Rendition, RenditionState
from resilience.models import OperatorAction
from tests.factories import make_user
from tests.processing.codes import HERE, LOCAL
from tests.processing.failing import CHAIN, fail, job_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(settings: Any) -> Client:
    settings.ENGINES = CHAIN
    client = Client(headers={"accept": "text/html"})
    client.force_login(make_user(superuser=True))
    return client


def page_of(client: Client, job: Job) -> str:
    return " ".join(client.get(reverse("admin:processing_job_change", args=[job.pk])).text.split())


def test_it_shows_what_was_said_and_heard_and_what_to_do_first(operator: Client, settings: Any) -> None:
    settings.MEDIACONVERT_ENDPOINT_URL = ""
    job = job_at(external_id="1700000000000-abc123")
    attempt = fail(job, Failure("mediaconvert", "1432", "The IAM role arn:aws:iam::1:role/x is not valid"))
    EngineEvent.objects.create(event_id="e1", attempt_id=attempt.public_id, news="STATUS_UPDATE", phase="PROBING", percent=12, outcome="applied")
    html = page_of(operator, job)
    assert "https://eu-west-1.console.aws.amazon.com/mediaconvert/home?region=eu-west-1#/jobs/summary/1700000000000-abc123" in html
    assert "mediaconvert 1432: The IAM role arn:aws:iam::1:role/x is not valid" in html
    assert "<strong>First:</strong> Look at MEDIACONVERT_ROLE_ARN" in html
    assert "<td>STATUS_UPDATE</td><td>PROBING</td><td>12 %</td>" in html
    assert "<strong>Missing:</strong> 360p" in html
    settings.MEDIACONVERT_ENDPOINT_URL = "http://127.0.0.1:1"
    assert "console.aws.amazon.com" not in page_of(operator, job), "an emulator's job is in nobody's console"


def test_a_retry_with_another_engine_is_asked_for_with_a_reason_and_makes_only_what_is_missing(operator: Client) -> None:
    job = job_at()
    job.ladder = [{"name": "360p"}, {"name": "720p"}]
    job.save()
    Rendition.objects.create(job=job, attempt=job.attempts.get(), rung="360p", state=RenditionState.READY, path="x/360p/index.m3u8")
    fail(job, Failure("mediaconvert", "1076", "Is file truncated?"))
    address = reverse("admin:processing_job_changelist")
    asked = operator.post(address, {"action": "retry_with", "_selected_action": [job.pk]})
    assert all(f'value="{engine}"' in asked.text for engine in CHAIN)
    without = operator.post(address, {"action": "retry_with", "_selected_action": [job.pk], "confirmed": "yes", "engine": LOCAL})
    assert "This field is required" in without.text
    foreign = operator.post(address, {"action": "retry_with", "_selected_action": [job.pk], "confirmed": "yes", "engine": "nobody", "reason": "try it"})
    assert "Select a valid choice" in foreign.text
    operator.post(address, {"action": "retry_with", "_selected_action": [job.pk], "confirmed": "yes", "engine": LOCAL, "reason": "plays fine here"})
    successor = Job.objects.get(video=job.video, state=JobState.QUEUED)
    assert successor.engines == [LOCAL, *[engine for engine in CHAIN if engine != LOCAL]]
    assert [rendition.rung for rendition in successor.renditions.filter(state=RenditionState.READY)] == ["360p"]
    record = OperatorAction.objects.get()
    assert (record.action, record.reason, record.target) == ("job.retry", "plays fine here", f"{job.public_id}: {LOCAL} first")
    assert HERE in successor.engines
