"""Ends of an upload before it is complete: canceled by a person, found corrupt, refused by its first bytes."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from resilience.errors import AppError
from resilience.faults import point
from resilience.transactions import retried
from uploads.errors import PartInUse, UploadCorrupt
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession, VideoState
from uploads.services.videos import set_video_state
from uploads.signals import attachment_changed, source_refused, upload_ended
from uploads.store import store

IN_USE_SECONDS = 5.0
ABORTABLE = (*OPEN_SESSION_STATES, SessionState.RECEIVED)


def abort_upload(session: UploadSession) -> bool:
    """Cancel an upload: the row first, then its bytes. A file already accepted stays with its video; only its upload address ends.

    A file attached to something has no other life than its upload: it goes, accepted or not.

    Returns:
        False when it had ended before.

    Raises:
        PartInUse: a file is just being made of this part.
    """
    if not _abort_row(session):
        accepted = UploadSession.objects.filter(pk=session.pk, state=SessionState.ACCEPTED, ended_at=None)
        return bool(accepted.update(ended_at=Now(), updated_at=Now()))
    point("uploads.abort.committed")
    store().delete(session.storage_key)
    return True


@retried(joins=True)
def _abort_row(session: UploadSession) -> bool:
    if not end_session(session, SessionState.ABORTED, only_from=_abortable(session)):
        return False
    if session.role == UploadRole.PART:
        require_unused(session)
    _video_after_cancel(session)
    tell_ended(session)
    return True


@retried(joins=True)
def mark_corrupt(session: UploadSession) -> bool:
    """Our storage has less than we promised: end the session, never tell a smaller offset. What is left is kept for a look."""
    code = UploadCorrupt.entry.code
    if not end_session(session, SessionState.CORRUPT, only_from=ABORTABLE, error_code=code):
        return False
    set_video_state(session.video_id, VideoState.NEEDS_NEW_FILE, only_from=[VideoState.RECEIVING, VideoState.CHECKING], error_code=code)
    tell_ended(session)
    return True


def refuse(session: UploadSession, error: AppError, **values: Any) -> bool:
    """Turn a file down for what it is: session `rejected`, its video needs a new file, the bytes removed.

    Args:
        values: further columns of the session (sha256, probe).

    Returns:
        False when the session had ended before; nothing was done then.
    """
    if not _refuse_row(session, error, values):
        return False
    point("uploads.refuse.committed")
    store().delete(session.storage_key)
    return True


@retried(joins=True)
def _refuse_row(session: UploadSession, error: AppError, values: dict[str, Any]) -> bool:
    told: dict[str, Any] = {"error_code": error.code, "error_fields": error.fields}
    if not end_session(session, SessionState.REJECTED, only_from=[SessionState.RECEIVING, SessionState.RECEIVED], **told, **values):
        return False
    set_video_state(session.video_id, VideoState.NEEDS_NEW_FILE, only_from=[VideoState.RECEIVING, VideoState.CHECKING], **told)
    if session.video_id is not None:
        source_refused.send(sender=UploadSession, session=session)
    elif session.role == UploadRole.ATTACHED:
        attachment_changed.send(sender=UploadSession, session=session)
    return True


def end_session(session: UploadSession, to: str, *, only_from: tuple[str, ...] | list[str], **values: Any) -> bool:
    """Move a session to an end by compare-and-set, fencing any writer. Refreshes `session`."""
    changed = UploadSession.objects.filter(pk=session.pk, state__in=only_from).update(
        state=to, epoch=F("epoch") + 1, lease_owner="", lease_expires_at=None, ended_at=Now(), updated_at=Now(), **values
    )
    session.refresh_from_db()
    return bool(changed)


def require_unused(part: UploadSession) -> None:
    """Raises: PartInUse. Called inside the transaction that ends the part: a joining that begins now finds it ended."""
    making = UploadSession.objects.filter(owner_id=part.owner_id, role=UploadRole.JOINED, state=SessionState.CREATING)
    if making.filter(parts__contains=[part.pk]).exists():
        raise PartInUse(retry_after=IN_USE_SECONDS)


def tell_ended(session: UploadSession) -> None:
    """Tell the rooms above; a part of a file is nothing they know of."""
    if session.video_id is not None:
        upload_ended.send(sender=UploadSession, session=session)
    elif session.role == UploadRole.ATTACHED:
        attachment_changed.send(sender=UploadSession, session=session)


def _abortable(session: UploadSession) -> tuple[SessionState, ...]:
    return (*ABORTABLE, SessionState.ACCEPTED) if session.role == UploadRole.ATTACHED else ABORTABLE


def _video_after_cancel(session: UploadSession) -> None:
    """A video that waited for a new file waits on, for the reason it did before; one that never had a file is canceled."""
    if session.video_id is None:
        return
    earlier = UploadSession.objects.filter(video_id=session.video_id).exclude(pk=session.pk).exclude(state=SessionState.ABORTED)
    before = earlier.order_by("-pk").first()
    waiting = [VideoState.RECEIVING, VideoState.CHECKING]
    if before is None:
        set_video_state(session.video_id, VideoState.CANCELED, only_from=waiting)
    else:
        set_video_state(session.video_id, VideoState.NEEDS_NEW_FILE, only_from=waiting, error_code=before.error_code, error_fields=before.error_fields)
