"""A source in S3 and a job over it that MediaConvert is to do; and time that passes for an attempt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models import F

from processing.models import Attempt, AttemptState, Job
from processing.services.jobs import open_job
from processing.services.submit import submit_job
from tests.emulator import FakeMediaConvert
from tests.factories import make_session, make_video
from tests.processing.helpers import probe_of
from uploads.models import RemoteFile, SessionState, UploadSession, VideoState

REGION = "eu-west-1"
ENGINE = f"mediaconvert:{REGION}"
PROBE: dict[str, Any] = {
    "container": "mov", "duration_s": 2.0, "video": {"codec": "h264", "width": 320, "height": 180, "fps": 30.0, "frames": 60, "rotation": 0},
    "audio": {"codec": "aac", "channels": 1, "rate": 44100},
}  # fmt: skip


def source_in_s3(path: Path | None = None) -> UploadSession:
    """Accept an upload whose bytes lie in the bucket: a file's, or none at all for whoever never reads them."""
    size, probe = (path.stat().st_size, probe_of(path)) if path else (1000, PROBE)
    session = make_session(video=make_video(state=VideoState.CHECKING), length=size, committed=size, state=SessionState.ACCEPTED, probe=probe)
    session.storage_key = session.public_id
    session.save()
    RemoteFile.objects.create(session=session, part_size=2**20, object_key=f"uploads/{session.storage_key}/file")
    return session


def put(fake: FakeMediaConvert, session: UploadSession, path: Path) -> None:
    fake.s3.client.put_object(Bucket=fake.s3.bucket, Key=session.remote_file.object_key, Body=path.read_bytes())


def opened(session: UploadSession | None = None) -> tuple[Job, Attempt]:
    """Open a job and write its first attempt down; nobody has been asked yet."""
    job = open_job(session or source_in_s3())
    attempt = submit_job(job.public_id)
    assert attempt is not None
    assert (attempt.engine, attempt.state) == (ENGINE, AttemptState.SUBMITTING)
    return job, attempt


def passes(attempt: Attempt, seconds: float) -> None:
    """Let so much time pass for what is written down of an attempt's question."""
    gone = timedelta(seconds=seconds)
    Attempt.objects.filter(pk=attempt.pk).update(asked_at=F("asked_at") - gone, missed_at=F("missed_at") - gone)
