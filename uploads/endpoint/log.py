"""One line per upload request. The address is never logged: it is the token."""

from __future__ import annotations

from contextvars import ContextVar

import structlog

from uploads.models import UploadSession

log = structlog.get_logger(__name__)

_upload: ContextVar[list[str] | None] = ContextVar("holdfast_upload", default=None)


def begin() -> list[str]:
    """Start a request's notes; returns where the public id of its upload will stand."""
    notes: list[str] = []
    _upload.set(notes)
    return notes


def note_upload(session: UploadSession) -> None:
    """Remember which upload this request is about, for its log line and for the address in its problem."""
    notes = _upload.get()
    if notes is not None:
        notes[:] = [session.public_id]
    structlog.contextvars.bind_contextvars(upload=session.public_id)


def write(*, method: str, status: int, received: int, milliseconds: int, code: str) -> None:
    log.info("upload.request", method=method, status=status, bytes=received, ms=milliseconds, code=code)
