"""A source that lies in S3 is on this host for the time of an attempt, and whatever keeps it away is not the file's fault."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from processing.models import Attempt, AttemptState, Job
from processing.services.jobs import open_job
from processing.services.run import run_attempt
from processing.services.submit import submit_job
from resilience.circuits import CircuitOpen
from tests import media
from tests.factories import make_session, make_video
from tests.s3 import FakeS3
from uploads.models import RemoteFile, SessionState, VideoState
from uploads.store import copies

from .helpers import Context, probe_of, run_next

pytestmark = pytest.mark.django_db


def submitted(fake: FakeS3) -> tuple[Job, Attempt, str]:
    path = media.clip(seconds=1)
    size = path.stat().st_size
    session = make_session(video=make_video(state=VideoState.CHECKING), length=size, committed=size, state=SessionState.ACCEPTED, probe=probe_of(path))
    session.storage_key = session.public_id
    session.save()
    name = f"uploads/{session.storage_key}/file"
    fake.client.put_object(Bucket=fake.bucket, Key=name, Body=path.read_bytes())
    RemoteFile.objects.create(session=session, part_size=2**20, object_key=name)
    job = open_job(session)
    attempt = submit_job(job.public_id)
    assert attempt is not None
    return job, attempt, name


def left_here(settings: Any) -> list[Path]:
    return list(Path(settings.WORK_DIR).glob("source-*"))


def test_it_is_converted_from_a_copy_that_goes(s3: FakeS3, settings: Any) -> None:
    job, _attempt, _name = submitted(s3)
    assert run_next(job).state == AttemptState.SUCCEEDED
    assert left_here(settings) == []


def test_a_source_lost_in_s3_is_our_fault(s3: FakeS3) -> None:
    job, attempt, name = submitted(s3)
    s3.client.put_object(Bucket=s3.bucket, Key=name, Body=b"short")
    run_next(job)
    attempt.refresh_from_db()
    assert (attempt.error_code, attempt.error_class) == ("ENCODING_SOURCE_LOST", "dependency")


def test_while_s3_is_away_the_attempt_waits_untouched(s3: FakeS3, settings: Any) -> None:
    job, attempt, _name = submitted(s3)
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:1"
    with pytest.raises(CircuitOpen) as waiting:
        run_attempt(Context(), job_id=job.public_id, chain_id=attempt.client_token)
    assert waiting.value.fields["circuit"] == "s3"
    before = attempt.state
    attempt.refresh_from_db()
    assert (attempt.state, attempt.error_code) == (before, "")


def test_no_room_for_the_copy_waits_for_the_operator(s3: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job, attempt, _name = submitted(s3)
    real = shutil.disk_usage
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda folder: real(folder)._replace(free=10))
    run_next(job)
    attempt.refresh_from_db()
    assert attempt.error_class == "capacity"
    assert left_here(settings) == []
