"""Uploads nobody finished in time, and bytes nobody owns."""

from __future__ import annotations

import structlog
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from resilience.faults import point
from resilience.transactions import retried
from uploads.errors import UploadExpired
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession, VideoState
from uploads.services.abort import end_session, tell_ended
from uploads.services.videos import set_video_state
from uploads.store import store

log = structlog.get_logger(__name__)

BATCH = 500
ORPHAN_AGE_SECONDS = 3600.0
CORRUPT_AGE_SECONDS = 7 * 24 * 3600.0
_NOTHING_KEPT = (SessionState.ABORTED, SessionState.EXPIRED, SessionState.REJECTED)


def overdue() -> QuerySet[UploadSession]:
    """Open sessions whose time is over. Complete ones never expire, except parts of a file: nobody sees those."""
    can = Q(state__in=OPEN_SESSION_STATES) | Q(role=UploadRole.PART, state=SessionState.RECEIVED)
    return UploadSession.objects.filter(can, expires_at__lte=Now()).order_by("expires_at")


def expire_uploads(*, dry_run: bool = False) -> int:
    """End overdue uploads: the row becomes a tombstone (410) before its bytes go.

    Returns:
        How many were (or would be) ended.
    """
    if dry_run:
        return overdue().count()
    return sum(_expire(session) for session in overdue()[:BATCH])


def _expire(session: UploadSession) -> bool:
    if not _expire_row(session):
        return False
    point("uploads.expire.committed")
    store().delete(session.storage_key)
    return True


@retried(joins=True)
def _expire_row(session: UploadSession) -> bool:
    # Again with the condition: bytes may have come in since it was read.
    if not UploadSession.objects.select_for_update().filter(pk=session.pk, expires_at__lte=Now()).exists():
        return False
    code = UploadExpired.entry.code
    if not end_session(session, SessionState.EXPIRED, only_from=_can_expire(session), error_code=code):
        return False
    set_video_state(session.video_id, VideoState.NEEDS_NEW_FILE, only_from=[VideoState.RECEIVING], error_code=code)
    tell_ended(session)
    return True


def _can_expire(session: UploadSession) -> tuple[str, ...]:
    return (*OPEN_SESSION_STATES, SessionState.RECEIVED) if session.role == UploadRole.PART else OPEN_SESSION_STATES


def reap_orphans(*, dry_run: bool = False) -> int:
    """Delete bytes whose session ended or is gone: what a crash between "row ended" and "file removed" left behind.

    Returns:
        How many were (or would be) deleted.
    """
    place = store()
    keys = list(place.keys(older_than_seconds=ORPHAN_AGE_SECONDS))
    old = set(place.keys(older_than_seconds=CORRUPT_AGE_SECONDS))
    count = 0
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        states = dict(UploadSession.objects.filter(storage_key__in=batch).values_list("storage_key", "state"))
        for key in batch:
            state = states.get(key)
            if state is None or state in _NOTHING_KEPT or (state == SessionState.CORRUPT and key in old):
                count += 1
                if not dry_run:
                    place.delete(key)
                    log.info("upload.orphan_removed", storage_key=key, state=state or "no row")
    return count
