"""GET: the bytes of a complete upload, for whoever holds its token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from uploads.errors import UploadGone, UploadUnfinished
from uploads.models import COMPLETE_SESSION_STATES
from uploads.protocol.ranges import parse_range
from uploads.protocol.requests import Request
from uploads.protocol.responses import Response
from uploads.services.ended import why_ended
from uploads.services.tokens import resolve
from uploads.store import Reader, StoreMissing, store
from uploads.threads import database, files

from .log import note_upload

_PIECE = 512 * 2**10


async def download(request: Request) -> Response:
    """Return 200 or 206 with the bytes, as a file to save, never as something a browser would run.

    Raises:
        UploadNotFound, the errors of `why_ended`, UploadUnfinished, RangeInvalid; UploadGone when the bytes were removed.
    """
    secret, public_id = request.credentials()
    authority = await database(resolve, secret, "status", public_id=public_id)
    session = authority.session
    note_upload(session)
    ended = why_ended(session, expired=authority.expired)
    if ended is not None:
        raise ended
    if session.state not in COMPLETE_SESSION_STATES:
        raise UploadUnfinished(offset=session.committed)
    try:
        await files(store().seal, session.storage_key)
        length = await files(store().size, session.storage_key)
    except StoreMissing:
        raise UploadGone from None
    etag = f'"{session.sha256 or session.public_id}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(session.file_name or session.public_id, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    if request.headers.text("If-None-Match") in (etag, "*"):
        return Response(304, headers)
    usable = request.headers.get("If-Range") in (None, etag)
    wanted = parse_range(request.headers.text("Range"), length=length) if usable else None
    first, last = wanted or (0, length - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{length}"
    source = await files(store().reader, session.storage_key)
    return Response(206 if wanted else 200, headers, stream=_pieces(source, first, last - first + 1))


async def _pieces(source: Reader, first: int, count: int) -> AsyncIterator[bytes]:
    try:
        while count > 0:
            piece = await files(source.read, first=first, count=min(_PIECE, count))
            if not piece:
                return
            first, count = first + len(piece), count - len(piece)
            yield piece
    finally:
        source.close()
