"""PATCH: more bytes."""

from __future__ import annotations

from dataclasses import replace

from resilience.faults import point
from uploads.admission import accepts_anything
from uploads.append.body import Body
from uploads.append.writer import Writer
from uploads.errors import BeyondLength, JoinedReadOnly, LengthInconsistent, OffsetMismatch, UploadBusy
from uploads.models import COMPLETE_SESSION_STATES, SessionState, UploadRole, UploadSession
from uploads.protocol import dialects, tus
from uploads.protocol.asked import Appending
from uploads.protocol.requests import Request
from uploads.protocol.responses import Response
from uploads.services.ended import why_ended
from uploads.services.promise import promise_of
from uploads.services.rows import session_now
from uploads.services.tokens import resolve
from uploads.threads import database

from .direct import taken_over
from .interim import Interim
from .log import note_upload


async def append(request: Request, body: Body, protocol: str, interim: Interim) -> Response:
    """Return 204 with the offset that is now durable and committed.

    Raises:
        UploadNotFound, the errors of `why_ended`, of reading the request, and everything `Writer.run` raises.
    """
    if not request.headers.get("Expect"):
        body.start()  # read ahead while we ask the database: a client that hangs up at once loses less
    secret, public_id = request.credentials()
    authority = await database(resolve, secret, "append", public_id=public_id)
    session = authority.session
    note_upload(session)
    asked: Appending = dialects.module_of(protocol).appending(request)
    _require_open(session, expired=authority.expired)
    session = await taken_over(session, offset=asked.offset)
    size = request.content_length()
    if session.state in COMPLETE_SESSION_STATES:
        return _again(session, asked, size=size, protocol=protocol)
    if not asked.part.overflow_ends and size is not None and session.length is not None and asked.offset + size > session.length:
        raise BeyondLength(length=session.length, offset=session.committed)
    told = interim.committed if interim.wanted else None
    part = replace(asked.part, whole=promise_of(session))
    writer = Writer(session=session, body=body, offset=asked.offset, may_be_anything=may_be_anything(session), part=part, told=told)
    await writer.run()
    point("uploads.append.before_answer")
    told_now = _told_without_asking(session, writer) if protocol == dialects.TUS else None
    if told_now is not None:
        return Response(204, {"Upload-Offset": str(writer.committed)} | told_now)
    session = await database(session_now, session.pk)
    return Response(204, dialects.appended(session, protocol) | {"Upload-Offset": str(writer.committed)})


def _told_without_asking(session: UploadSession, writer: Writer) -> dict[str, str] | None:
    """What else tus wants told after an append, where the commit has said it already."""
    if session.length is None or (session.role == UploadRole.PART and writer.committed == session.length):
        return None
    if writer.committed == session.length:
        return {}  # a complete upload does not expire
    return None if writer.expires_at is None else tus.expires_at(writer.expires_at)


def may_be_anything(session: UploadSession) -> bool:
    """True where the first bytes say nothing about what is let in: a part may be the middle of a file."""
    return session.role == UploadRole.PART or (accepts_anything() and session.role != UploadRole.ATTACHED)


def _require_open(session: UploadSession, *, expired: bool) -> None:
    ended = why_ended(session, expired=expired)
    if ended is not None:
        raise ended
    if session.role == UploadRole.JOINED:
        raise JoinedReadOnly
    if session.state == SessionState.CREATING:
        raise UploadBusy(retry_after=1)


def _again(session: UploadSession, asked: Appending, *, size: int | None, protocol: str) -> Response:
    """A complete upload: the last part sent again, because its answer was lost, is answered as it was then."""
    offset = asked.offset
    if offset + (size or 0) == session.committed:
        if asked.part.length not in (None, session.length):
            raise LengthInconsistent
        return Response(204, dialects.appended(session, protocol))
    if offset == session.committed:
        raise BeyondLength(length=session.length, offset=session.committed)
    raise OffsetMismatch(expected_offset=session.committed, provided_offset=offset)
