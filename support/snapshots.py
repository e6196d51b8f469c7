"""What the system knew when help was asked for. Built by the server from rows, redacted, then frozen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from notifications.models import Event
from processing.models import Attempt, Job
from resilience.http.request_ids import current_request_id
from resilience.models import Circuit
from resilience.version import VERSION
from support.redaction import redact_all
from uploads.models import UploadSession, Video

SCHEMA = 1
EVENTS = 20
SESSIONS = 5
JOBS = 5
STDERR_TAIL = 4_000  # characters; the end is where a program says why it stopped


def build_snapshot(video: Video | None, *, owner: User | None = None) -> dict[str, Any]:
    """Return a JSON object (schema 1), safe for support staff to read; see `support.redaction` for what is cut out.

    Args:
        video: what help is asked about; None for a question about nothing in particular.
        owner: who asks; taken from the video when not given.
    """
    person = owner if owner is not None else (video.owner if video is not None else None)
    data = {
        "schema": SCHEMA,
        "taken_at": timezone.now().isoformat(),
        "app_version": VERSION,
        "request_id": current_request_id(),
        "video": _video(video) if video is not None else None,
        "uploads": [_session(session) for session in video.sessions.order_by("-created_at", "-id")[:SESSIONS]] if video is not None else [],
        "jobs": [_job(job) for job in video.jobs.order_by("-created_at", "-id").prefetch_related("attempts", "renditions")[:JOBS]] if video is not None else [],
        "events": _events(video, person),
        "circuits": [_circuit(circuit) for circuit in Circuit.objects.order_by("name")],
    }
    redacted: dict[str, Any] = redact_all(data, own_email=person.email if person is not None else "")
    return redacted


def _video(video: Video) -> dict[str, Any]:
    return {
        "id": video.public_id,
        "title": video.title,
        "state": video.state,
        "media_kind": video.media_kind,
        "duration_s": video.duration_s,
        "width": video.width,
        "height": video.height,
        "error_code": video.error_code,
        "error_fields": video.error_fields,
        "version": video.version,
        "created_at": _moment(video.created_at),
        "updated_at": _moment(video.updated_at),
    }


def _session(session: UploadSession) -> dict[str, Any]:
    """Without its resume tokens, storage key, lease and fingerprint."""
    return {
        "id": session.public_id,
        "state": session.state,
        "file_name": session.file_name,
        "declared_type": session.declared_type,
        "length": session.length,
        "offset": session.committed,
        "resumes": session.resumes,
        "probe": session.probe,
        "error_code": session.error_code,
        "error_fields": session.error_fields,
        "request_id": session.request_id,
        "created_at": _moment(session.created_at),
        "received_at": _moment(session.received_at),
        "ended_at": _moment(session.ended_at),
        "expires_at": _moment(session.expires_at),
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.public_id,
        "state": job.state,
        "engines": job.engines,
        "percent": job.percent,
        "error_code": job.error_code,
        "error_fields": job.error_fields,
        "retry_at": _moment(job.retry_at),
        "request_id": job.request_id,
        "created_at": _moment(job.created_at),
        "finished_at": _moment(job.finished_at),
        "attempts": [_attempt(attempt) for attempt in job.attempts.all()],
        "renditions": [{"rung": rendition.rung, "state": rendition.state, "ready_at": _moment(rendition.ready_at)} for rendition in job.renditions.all()],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.public_id,
        "number": attempt.number,
        "engine": attempt.engine,
        "state": attempt.state,
        "percent": attempt.percent,
        "phase": attempt.phase,
        "salvage": attempt.salvage,
        "error_code": attempt.error_code,
        "error_class": attempt.error_class,
        "stderr_tail": attempt.error_raw[-STDERR_TAIL:],
        "decision": attempt.decision,
        "created_at": _moment(attempt.created_at),
        "started_at": _moment(attempt.started_at),
        "ended_at": _moment(attempt.ended_at),
    }


def _events(video: Video | None, person: User | None) -> list[dict[str, Any]]:
    """The last ones, oldest first: of the video, or of the person when there is none. Progress is left out: it would push out the rest."""
    events = Event.objects.exclude(kind="job.progress").order_by("-id")
    events = events.filter(video=video) if video is not None else events.filter(user=person)
    return [
        {"kind": event.kind, "sentence": event.sentence, "data": event.data, "request_id": event.request_id, "at": _moment(event.at)}
        for event in reversed(events[:EVENTS])
    ]


def _circuit(circuit: Circuit) -> dict[str, Any]:
    return {
        "name": circuit.name,
        "state": circuit.state,
        "opened_at": _moment(circuit.opened_at),
        "open_until": _moment(circuit.open_until),
        "last_error": circuit.last_error,
        "last_error_at": _moment(circuit.last_error_at),
    }


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
