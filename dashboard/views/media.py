"""Published files, streamed to the one who may see them. Everybody else learns nothing, not even that they exist."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from processing.delivery import Delivered, open_rendition
from processing.notes import RenditionNotFound
from resilience.http.api import authenticated_user
from resilience.http.errors import NotSignedIn
from uploads.errors import RangeInvalid
from uploads.models import Video

CHUNK_BYTES = 256 * 1024
FOR_EVER = "private, max-age=31536000, immutable"  # names are never used twice
SEEN_BY_STAFF = "uploads.view_video"
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileStream(StreamingHttpResponse):
    """Part of an open file, closed with the response however it ends."""

    def __init__(self, file: IO[bytes], *, start: int, count: int, asynchronous: bool, **values: Any) -> None:
        self._file = file
        file.seek(start)
        super().__init__(self._read_async(count) if asynchronous else self._read(count), **values)
        self["Content-Length"] = str(count)

    def _read(self, count: int) -> Iterator[bytes]:
        while count > 0 and (chunk := self._file.read(min(CHUNK_BYTES, count))):
            count -= len(chunk)
            yield chunk

    async def _read_async(self, count: int) -> AsyncIterator[bytes]:
        read = sync_to_async(self._file.read, thread_sensitive=False)
        while count > 0 and (chunk := await read(min(CHUNK_BYTES, count))):
            count -= len(chunk)
            yield chunk

    def close(self) -> None:
        super().close()
        self._file.close()


@require_safe
def media(request: HttpRequest, name: str) -> FileStream:
    """A file of a published video, whole or one range of it (RFC 9110, section 14).

    Raises:
        RenditionNotFound: not there, or not this person's to see. RangeInvalid: the range lies outside the file.
    """
    public_id, _, path = name.partition("/")
    delivered = open_rendition(_visible_video(request, public_id), path)
    try:
        return _answer(request, delivered)
    except RangeInvalid:
        delivered.file.close()
        raise


def _visible_video(request: HttpRequest, public_id: str) -> Video:
    try:
        viewer = authenticated_user(request)  # a browser's session or a program's token
    except NotSignedIn:
        raise RenditionNotFound() from None
    video = Video.objects.filter(public_id=public_id).first()
    if video is None or not (video.owner_id == viewer.pk or viewer.has_perm(SEEN_BY_STAFF)):
        raise RenditionNotFound()
    return video


def _answer(request: HttpRequest, delivered: Delivered) -> FileStream:
    wanted = byte_range(request.headers.get("Range", ""), delivered.size)
    start, end = wanted or (0, delivered.size)
    response = FileStream(
        delivered.file.open(),
        start=start,
        count=end - start,
        asynchronous=isinstance(request, ASGIRequest),
        status=206 if wanted else 200,
        content_type=delivered.content_type,
    )
    if wanted:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{delivered.size}"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = FOR_EVER
    return response


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes asked for, from the first to after the last; None for all of them (no range, several, or another unit).

    Raises:
        RangeInvalid: it begins after the end.
    """
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    first, last = found[1], found[2]
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size or (not first and int(last) == 0):
        raise RangeInvalid(length=size)
    return start, end
