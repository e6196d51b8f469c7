"""Why an upload takes no more bytes of a writer."""

from __future__ import annotations

import structlog

from resilience.errors import AppError
from uploads.errors import OffsetMismatch, UploadCorrupt, UploadGone, WriterReplaced
from uploads.models import SessionState, UploadSession
from uploads.services.abort import mark_corrupt
from uploads.services.ended import why_ended
from uploads.store import store
from uploads.threads import database, files

log = structlog.get_logger(__name__)

_NOTHING_KEPT = (SessionState.ABORTED, SessionState.EXPIRED, SessionState.REJECTED)


async def lost(session: UploadSession, *, offset: int) -> AppError:
    """End an upload whose storage has less than was promised, and return what to answer."""
    if await database(mark_corrupt, session):
        log.error("upload.corrupt", upload=session.public_id, committed=session.committed)
        return UploadCorrupt()
    return await not_receiving(session, offset=offset)


async def fenced(session: UploadSession, *, offset: int) -> AppError:
    """Say why a commit of ours did not count, and leave nothing behind.

    Where somebody ended the upload and emptied its place while we were writing, what we put there after that is nobody's.
    """
    error = await not_receiving(session, offset=offset)
    kept = await database(UploadSession.objects.filter(pk=session.pk).exclude(state__in=_NOTHING_KEPT).exists)
    if not kept:
        await files(store().delete, session.storage_key)
    return error


async def not_receiving(session: UploadSession, *, offset: int) -> AppError:
    """Say why: it ended, or a newer writer has it."""
    present = await database(UploadSession.objects.filter(pk=session.pk).first)
    if present is None:
        return UploadGone()  # its video was deleted while it was sent
    error = why_ended(present)
    if error is not None:
        return error
    if present.state == SessionState.RECEIVING:
        return WriterReplaced(retry_after=1)
    return OffsetMismatch(expected_offset=present.committed, provided_offset=offset)
