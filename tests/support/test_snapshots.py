from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.services.events import record
from processing.models import Attempt, AttemptState, Job, Rendition
from resilience.models import Circuit
from resilience.version import VERSION
from support.snapshots import SCHEMA, STDERR_TAIL, build_snapshot
from tests.factories import make_job, make_user, make_video
from uploads.models import Video
from uploads.services.tokens import add_token

pytestmark = pytest.mark.django_db


def troubled_job() -> Job:
    job = make_job(video=make_video(title="holiday.mp4", state="failed", error_code="ENCODING_GAVE_UP", error_fields={"tries": 2}))
    Attempt.objects.create(
        job=job, number=1, engine="local", state=AttemptState.FAILED, error_code="ENCODING_ENGINE_FAILED",
        error_raw="x" * 10_000 + "\n/srv/holdfast/var/uploads/aa/source.mp4: moov atom not found\nowner bob@example.org",
    )  # fmt: skip
    Rendition.objects.create(job=job, rung="360p")
    return job


def test_it_holds_what_support_needs() -> None:
    job = troubled_job()
    record(user=job.video.owner, kind="video.changed", video=job.video, sentence="Converting started")
    Circuit.objects.create(name="engine.local", state="open", last_error="timeout talking to arn:aws:mediaconvert:eu:1:queues/q")
    data = build_snapshot(job.video)
    assert data["schema"] == SCHEMA
    assert data["app_version"] == VERSION
    assert data["video"]["error_code"] == "ENCODING_GAVE_UP"
    assert data["uploads"][0]["id"] == job.source.public_id
    attempt = data["jobs"][0]["attempts"][0]
    assert (attempt["engine"], attempt["error_code"]) == ("local", "ENCODING_ENGINE_FAILED")
    assert "source.mp4: moov atom not found" in attempt["stderr_tail"]
    assert len(attempt["stderr_tail"]) <= STDERR_TAIL
    assert data["events"][-1]["sentence"] == "Converting started"
    (circuit,) = data["circuits"]
    assert (circuit["name"], circuit["state"], circuit["last_error"]) == ("engine.local", "open", "timeout talking to <AWS resource>")
    assert json.loads(json.dumps(data)) == data, "plain JSON, nothing that a later release cannot read"


def test_it_holds_no_secret() -> None:
    job = troubled_job()
    secret = add_token(job.source)
    job.source.storage_key = "aa/bb/cc-storage-key"
    job.source.lease_owner = "web-1:4711"
    job.source.fingerprint = "tus-br-fingerprint"
    job.source.metadata = "filename aG9saWRheQ=="
    job.source.save()
    text = json.dumps(build_snapshot(job.video))
    for hidden in (secret, secret[4:], "/srv/", "bob@example.org", "cc-storage-key", "web-1:4711", "tus-br-fingerprint", "aG9saWRheQ"):
        assert hidden not in text


def test_it_shows_the_last_twenty_events_without_progress() -> None:
    video = make_video()
    for number in range(30):
        record(user=video.owner, kind="video.changed", video=video, sentence=f"step {number}")
        record(user=video.owner, kind="job.progress", video=video)
    assert [event["sentence"] for event in build_snapshot(video)["events"]] == [f"step {number}" for number in range(10, 30)]


def test_a_question_about_nothing_in_particular_shows_ones_own_events_only() -> None:
    user = make_user()
    record(user=user, kind="video.changed", sentence="mine")
    record(user=make_user(), kind="video.changed", sentence="somebody else's")
    data = build_snapshot(None, owner=user)
    assert [event["sentence"] for event in data["events"]] == ["mine"]
    assert (data["video"], data["uploads"], data["jobs"]) == (None, [], [])


def test_it_stays_cheap_however_much_there_is() -> None:
    job = troubled_job()
    for number in range(2, 12):
        Attempt.objects.create(job=job, number=number, engine="local", state=AttemptState.FAILED)
    video = Video.objects.select_related("owner").get(pk=job.video_id)
    with CaptureQueriesContext(connection) as asked:
        build_snapshot(video)
    assert len(asked) <= 8
