"""The files of a ticket: how they are, getting one, taking one off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from dashboard.attaching import files_context
from dashboard.views.tickets import own_ticket
from resilience.http.api import authenticated_user
from resilience.http.errors import NotSignedIn
from support.models import TicketAttachment
from support.selectors import file_for, files_of
from support.services.attachments import remove_attachment
from uploads.errors import UploadGone
from uploads.store import Reader, StoreMissing, store

PIECE = 256 * 2**10
# A browser saves it, whatever is inside; and should one ever show it, nothing in it runs.
SAVED_NEVER_SHOWN = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@login_required
@require_GET
@never_cache
def files(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of a ticket's page that changes by itself."""
    return render(request, "tickets/files.html", files_context(own_ticket(request, public_id)))


@require_safe
def download(request: HttpRequest, public_id: str, file_id: str) -> StreamingHttpResponse:
    """A file of a ticket, for its owner and for support staff. Everybody else learns nothing, not even that it exists.

    Raises:
        UploadGone: its bytes are not there.
    """
    try:
        viewer = authenticated_user(request)  # a browser's session or a program's token
    except NotSignedIn:
        raise Http404 from None
    found = file_for(viewer, public_id, file_id)
    if found is None:
        raise Http404
    try:
        reader = store().reader(found.upload.storage_key)
    except StoreMissing:
        raise UploadGone from None
    return StoredFile(reader, found, asynchronous=isinstance(request, ASGIRequest))


@login_required
@require_POST
def remove(request: HttpRequest, public_id: str, file_id: str) -> HttpResponse:
    ticket = own_ticket(request, public_id)
    found = files_of(ticket).filter(upload__public_id=file_id).first()
    if found is None:
        messages.warning(request, "That file is not here any more.")
    else:
        remove_attachment(found)
        messages.success(request, f"“{found.upload.file_name}” is removed.")
    return redirect("ticket", ticket.public_id)


class StoredFile(StreamingHttpResponse):
    """An attachment out of the store, closed with the response however it ends."""

    def __init__(self, reader: Reader, file: TicketAttachment, *, asynchronous: bool) -> None:
        self._reader, self._size = reader, file.upload.length or 0
        headers: dict[str, Any] = SAVED_NEVER_SHOWN | {"Content-Length": str(self._size)}
        headers["Content-Disposition"] = content_disposition_header(True, file.upload.file_name or file.upload.public_id)
        super().__init__(self._pieces_async() if asynchronous else self._pieces(), content_type="application/octet-stream", headers=headers)

    def _pieces(self) -> Iterator[bytes]:
        first = 0
        while first < self._size and (piece := self._reader.read(first=first, count=min(PIECE, self._size - first))):
            first += len(piece)
            yield piece

    async def _pieces_async(self) -> AsyncIterator[bytes]:
        pieces = self._pieces()
        take = sync_to_async(lambda: next(pieces, b""), thread_sensitive=False)
        while piece := await take():
            yield piece

    def close(self) -> None:
        super().close()
        self._reader.close()
