"""An accepted upload with real bytes behind it, and a task context that never loses its lease."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from processing.models import LIVE_ATTEMPT_STATES, Attempt, Job
from processing.services.jobs import open_job
from processing.services.run import run_attempt
from processing.services.submit import submit_job
from resilience.models import Task
from tests.factories import make_session, make_video
from uploads.models import SessionState, UploadSession, VideoState
from uploads.store import store


def probe_of(path: Path) -> dict[str, Any]:
    """Say what inspection would say of a file, in the shape of `UploadSession.probe`."""
    with av.open(str(path)) as container:
        video = container.streams.video[0] if container.streams.video else None
        audio = container.streams.audio[0] if container.streams.audio else None
        picture = video and {
            "codec": video.codec_context.name, "profile": "", "pix_fmt": video.codec_context.pix_fmt, "width": video.width, "height": video.height,
            "fps": float(video.average_rate or 0), "frames": video.frames, "rotation": _rotation(path),
        }  # fmt: skip
        return {
            "container": container.format.name,
            "duration_s": (container.duration or 0) / 1_000_000,
            "size": path.stat().st_size,
            "video": picture,
            "audio": audio and {"codec": audio.codec_context.name, "channels": audio.channels, "rate": audio.rate},
        }


def _rotation(path: Path) -> int:
    with av.open(str(path)) as container:
        return next((frame.rotation for frame in container.decode(video=0)), 0)


def accepted(path: Path, *, probe: dict[str, Any] | None = None) -> UploadSession:
    """Put a file into the upload store as an accepted session's source."""
    size = path.stat().st_size
    video = make_video(state=VideoState.CHECKING)
    session = make_session(video=video, length=size, committed=size, state=SessionState.ACCEPTED, probe=probe or probe_of(path))
    session.storage_key = session.public_id
    session.save()
    target = store().path(session.storage_key)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return session


@dataclass
class Context:
    """A `TaskContext` for calling a body directly."""

    task_id: str = "t"
    attempt: int = 1
    lost: bool = False

    def lease_lost(self) -> bool:
        return self.lost


def submitted(path: Path, **values: Any) -> tuple[Job, Attempt]:
    job = open_job(accepted(path, **values))
    attempt = submit_job(job.public_id)
    assert attempt is not None
    return job, attempt


def run_next(job: Job) -> Attempt:
    """Do what is due for a job now, whatever its retry waits for: submit unless an attempt is live, then run."""
    attempt = job.attempts.filter(state__in=LIVE_ATTEMPT_STATES).first()
    if attempt is None:
        task = Task.objects.filter(kind="processing.submit", payload__job_id=job.public_id).latest("created_at")
        attempt = submit_job(**task.payload)
    assert attempt is not None
    run_attempt(Context(), job_id=job.public_id, chain_id=attempt.public_id)
    attempt.refresh_from_db()
    return attempt


def convert(path: Path, **values: Any) -> Job:
    """Convert a file the way the durable tasks would, one attempt."""
    job, attempt = submitted(path, **values)
    run_attempt(Context(), job_id=job.public_id, chain_id=attempt.public_id)
    job.refresh_from_db()
    return job
