"""Published files, streamed to the one who may see them. Everybody else learns nothing, not even that they exist."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from processing import links
from processing.delivery import FOR_EVER, Asked, Delivered, Elsewhere, Told, deliver, head_of
from processing.delivery_errors import LinkExpired
from processing.notes import RenditionNotFound
from resilience.http.api import authenticated_user
from resilience.http.errors import NotSignedIn
from uploads.errors import RangeInvalid
from uploads.models import Video

CHUNK_BYTES = 256 * 1024
SPARE_SECONDS = 60  # an address that is about to end is not followed from memory
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
def media(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file of a published video, whole or one range of it (RFC 9110, section 14), to its owner or to whoever has a link to this very file.

    Raises:
        RenditionNotFound: not there, or not this person's to see. LinkExpired: the link's time is over, or it was made for another file.
        RangeInvalid: the range lies outside the file. CircuitOpen: the store is away.
    """
    asked = _asked(request, name)
    _let_go_of_the_database()
    if request.method == "HEAD" and (told := head_of(asked)) is not None:
        return _told(told)
    delivered = deliver(asked)
    if isinstance(delivered, Elsewhere):
        return _moved(delivered)
    try:
        return _answer(request, delivered)
    except RangeInvalid:
        delivered.file.close()
        raise


def _asked(request: HttpRequest, name: str) -> Asked:
    """Say who may see it, without telling anybody else whether it exists. A person who is signed in needs no link, and an old one is no harm."""
    public_id, _, path = name.partition("/")
    token = request.GET.get(links.PARAMETER, "")
    expires = links.expiry_of(name, token) if token else None
    if expires is not None:
        video = Video.objects.filter(public_id=public_id).first()
        if video is None:
            raise RenditionNotFound()
        return Asked(video, path, expires)
    try:
        return Asked(_visible_video(request, public_id), path)
    except RenditionNotFound:
        if token:
            raise LinkExpired() from None
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


def _let_go_of_the_database() -> None:
    """The store may take its time: nobody waits for it with one of the database's connections in hand."""
    if not connection.in_atomic_block:
        connection.close()


def _moved(elsewhere: Elsewhere) -> HttpResponse:
    answer = HttpResponseRedirect(elsewhere.address)
    answer["Cache-Control"] = f"private, max-age={max(0, elsewhere.seconds - SPARE_SECONDS)}"
    return answer


def _told(told: Told) -> HttpResponse:
    answer = HttpResponse(content_type=told.content_type)
    answer["Content-Length"] = str(told.size)
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = FOR_EVER
    return answer


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
    response["Cache-Control"] = delivered.cache_control
    if delivered.save_as:
        response["Content-Disposition"] = content_disposition_header(True, delivered.save_as)
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
