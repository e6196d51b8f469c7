"""DELETE: the upload ends, and what arrived is removed."""

from __future__ import annotations

from uploads.append import active
from uploads.append.active import Stop
from uploads.protocol.requests import Request
from uploads.protocol.responses import Response
from uploads.services.abort import abort_upload
from uploads.services.ended import why_ended
from uploads.services.tokens import resolve
from uploads.threads import database

from .log import note_upload


async def cancel(request: Request) -> Response:
    """Return 204.

    Raises:
        UploadNotFound, the errors of `why_ended`.
    """
    secret, public_id = request.credentials()
    authority = await database(resolve, secret, "cancel", public_id=public_id)
    note_upload(authority.session)
    ended = why_ended(authority.session, expired=authority.expired)
    if ended is not None:
        raise ended
    # A writer of another process is fenced by the row; its next commit finds the session ended.
    await active.stop(authority.session.pk, Stop.REPLACED, seconds=active.HAND_OVER_SECONDS)
    await database(abort_upload, authority.session)
    return Response(204)
