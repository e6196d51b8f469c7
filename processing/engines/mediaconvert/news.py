"""What MediaConvert says of a job, as we say it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from processing.engines.base import Failure, News, Observation, RemoteJob

LOST = Observation(News.ERROR, failure=Failure("engine", "LOST", "MediaConvert does not know this job (any more)"))
NEVER = datetime.max.replace(tzinfo=UTC)


def remote_job(job: Mapping[str, Any]) -> RemoteJob:
    """Return what a `Job` of GetJob, CreateJob or SearchJobs says."""
    metadata = job.get("UserMetadata") or {}
    return RemoteJob(
        external_id=str(job["Id"]),
        attempt_id=str(metadata.get("attempt_id", "")),
        created_at=job.get("CreatedAt") or NEVER,
        observation=observation(job),
    )


def observation(job: Mapping[str, Any]) -> Observation:
    """Return how a job goes. A status that nobody knows yet is taken for work going on: the next look says more."""
    external_id = str(job.get("Id", ""))
    match job.get("Status"):
        case "SUBMITTED":
            return Observation(News.SUBMITTED, external_id=external_id)
        case "COMPLETE":
            return Observation(News.COMPLETE, percent=100.0, external_id=external_id)
        case "ERROR":
            return Observation(News.ERROR, external_id=external_id, failure=failure(job.get("ErrorCode"), job.get("ErrorMessage")))
        case "CANCELED":
            return Observation(News.CANCELED, external_id=external_id)
    percent = job.get("JobPercentComplete")  # null for containers that do not say how long they are
    phase = str(job.get("CurrentPhase") or "").lower()
    return Observation(News.PROGRESSING, percent=None if percent is None else float(percent), phase=phase, external_id=external_id)


def failure(code: Any, message: Any) -> Failure:
    """Return why a job failed, in MediaConvert's own words."""
    return Failure("mediaconvert", "" if code is None else str(code), str(message or ""))
