"""Why an upload's address answers no more."""

from __future__ import annotations

from resilience.errors import CATALOGUE, AppError
from uploads.errors import UploadCorrupt, UploadExpired, UploadGone, UploadRefused
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSession

_GONE: dict[str, type[AppError]] = {
    SessionState.ABORTED: UploadGone,
    SessionState.EXPIRED: UploadExpired,
    SessionState.CORRUPT: UploadCorrupt,
}


def why_ended(session: UploadSession, *, expired: bool = False) -> AppError | None:
    """Return the error an ended upload answers with (410), or None while it can be asked and appended to.

    A file that arrived whole is complete for the protocol, whatever was found in it later: that is told on its video.

    Args:
        expired: its time is over by the database's clock, even if nobody has swept it yet.
    """
    kind = _GONE.get(session.state)
    if kind is not None:
        return kind()
    if session.state == SessionState.REJECTED and session.committed != session.length:
        return UploadRefused(reason=CATALOGUE.get(session.error_code).sentence(session.error_fields))
    if session.state == SessionState.ACCEPTED and session.ended_at is not None:
        return UploadGone()
    if expired and session.state in OPEN_SESSION_STATES:
        return UploadExpired()
    return None
