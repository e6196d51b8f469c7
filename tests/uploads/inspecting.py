"""A received file and its inspection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from resilience.errors import CATALOGUE
from tests.factories import make_session, make_video
from uploads.models import SessionState, UploadSession, VideoState
from uploads.services import inspect
from uploads.store import store

Give = Callable[..., UploadSession]


def examine(session: UploadSession, *, attempt: int = 1) -> UploadSession:
    inspect.inspect_upload(session.public_id, attempt=attempt, stopped=lambda: False)
    session.refresh_from_db()
    session.video.refresh_from_db()
    return session


def refused(session: UploadSession) -> str:
    """The code of a refusal, once everything that goes with one has been checked."""
    examine(session)
    assert session.state == SessionState.REJECTED
    assert session.video.state == VideoState.NEEDS_NEW_FILE
    assert session.video.error_code == session.error_code
    assert session.video.error_fields == session.error_fields
    assert "unknown" not in CATALOGUE.get(session.error_code).sentence(session.error_fields)
    assert not store().path(session.storage_key).exists()
    return session.error_code


def giver() -> Give:
    """Put a file in the store as a session that was received whole."""

    def put(content: bytes | Path, *, name: str = "film.mp4") -> UploadSession:
        data = content.read_bytes() if isinstance(content, Path) else content
        video = make_video(title=name, state=VideoState.CHECKING)
        session = make_session(video=video, length=len(data), committed=len(data), state=SessionState.RECEIVED)
        UploadSession.objects.filter(pk=session.pk).update(storage_key=session.public_id)
        session.refresh_from_db()
        store().create(session.storage_key)
        store().path(session.storage_key).write_bytes(data)
        return session

    return put
