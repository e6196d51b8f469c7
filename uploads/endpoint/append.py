"""PATCH: more bytes."""

from __future__ import annotations

from uploads.admission import accepts_anything
from uploads.append.body import Body
from uploads.append.writer import Writer
from uploads.errors import BeyondLength, OffsetMismatch, UploadBusy
from uploads.models import COMPLETE_SESSION_STATES, SessionState, UploadSession
from uploads.protocol import tus
from uploads.protocol.requests import Request
from uploads.protocol.responses import Response
from uploads.services.ended import why_ended
from uploads.services.tokens import resolve
from uploads.threads import database

from .log import note_upload


async def append(request: Request, body: Body) -> Response:
    """Return 204 with the offset that is now durable and committed.

    Raises:
        UploadNotFound, the errors of `why_ended`, MediaTypeWrong, HeaderInvalid and everything `Writer.run` raises.
    """
    if not request.headers.get("Expect"):
        body.start()  # read ahead while we ask the database: a client that hangs up at once loses less
    secret, public_id = request.credentials()
    authority = await database(resolve, secret, "append", public_id=public_id)
    session = authority.session
    note_upload(session)
    tus.require_offset_type(request.headers)
    offset = request.headers.number("Upload-Offset")
    ended = why_ended(session, expired=authority.expired)
    if ended is not None:
        raise ended
    if session.state == SessionState.CREATING:
        raise UploadBusy(retry_after=1)
    size = request.content_length()
    if session.state in COMPLETE_SESSION_STATES:
        return _again(session, offset=offset, size=size)
    if size is not None and session.length is not None and offset + size > session.length:
        raise BeyondLength(length=session.length, offset=session.committed)
    committed = await Writer(session=session, body=body, offset=offset, may_be_anything=accepts_anything()).run()
    session = await database(UploadSession.objects.get, pk=session.pk)
    return Response(204, {"Upload-Offset": str(committed), **tus.expires(session)})


def _again(session: UploadSession, *, offset: int, size: int | None) -> Response:
    """A complete upload: the last part sent again, because its answer was lost, is answered as it was then."""
    if offset + (size or 0) == session.committed:
        return Response(204, {"Upload-Offset": str(session.committed)})
    if offset == session.committed:
        raise BeyondLength(length=session.length, offset=session.committed)
    raise OffsetMismatch(expected_offset=session.committed, provided_offset=offset)
