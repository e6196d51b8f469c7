"""HEAD: where to go on. The offset told is accepted by the next append."""

from __future__ import annotations

import asyncio

from uploads.append import active
from uploads.append.active import Stop
from uploads.errors import UploadBusy
from uploads.models import SessionState, UploadRole, UploadSession
from uploads.protocol import dialects
from uploads.protocol.requests import Request
from uploads.protocol.responses import Response
from uploads.services.ended import why_ended
from uploads.services.lease import ask_to_stop, fence
from uploads.services.tokens import resolve
from uploads.store import store
from uploads.threads import database, files

from .direct import counted
from .log import note_upload

OWN_WRITER_SECONDS = 1.0
OTHER_WRITER_SECONDS = 0.5
_POLL_SECONDS = 0.02


async def status(request: Request, protocol: str) -> Response:
    """Return 200 with the committed offset.

    Raises:
        UploadNotFound, the errors of `why_ended`, UploadBusy while the upload is being made.
    """
    secret, public_id = request.credentials()
    authority = await database(resolve, secret, "status", public_id=public_id)
    session = authority.session
    note_upload(session)
    ended = why_ended(session, expired=authority.expired)
    if ended is None and session.state == SessionState.RECEIVING:
        session = await counted(await _settle(session))
        ended = why_ended(session)
    if ended is not None:
        raise ended
    if session.state == SessionState.CREATING and session.role != UploadRole.JOINED:
        raise UploadBusy(retry_after=1)
    return Response(200, dialects.module_of(protocol).status(session))


async def _settle(session: UploadSession) -> UploadSession:
    """Bring a writer that may still be at work to its end, so that the offset we tell stays the right one.

    1. A writer of this process commits what it has. 2. One of another process is asked to, and gets half a second.
    3. Whoever has not answered by then is fenced: what it had not committed is sent again.
    """
    stopped_here = active.is_active(session.pk)
    if stopped_here:
        await active.stop(session.pk, Stop.REPLACED, seconds=OWN_WRITER_SECONDS)
    elif not session.lease_owner:
        return session
    elif await files(store().is_held, session.storage_key):
        await database(ask_to_stop, session.pk)
        for _ in range(round(OTHER_WRITER_SECONDS / _POLL_SECONDS)):
            await asyncio.sleep(_POLL_SECONDS)
            if not await files(store().is_held, session.storage_key):
                break
    return await database(fence, session.pk)
