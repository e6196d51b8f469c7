"""POST /files/: a new upload, with its first bytes if they came along."""

from __future__ import annotations

import re

from django.contrib.auth.models import User

from resilience.http.errors import NotFound
from resilience.http.translate import DATABASE_DOWN
from uploads.admission import accepts_anything
from uploads.append.body import Body
from uploads.append.writer import ClientGone, Writer
from uploads.errors import (
    BeyondLength,
    HeaderInvalid,
    ServerRestarting,
    StorageFailed,
    StorageFull,
    UploadBusy,
    UploadStalled,
    WriterReplaced,
)
from uploads.models import SessionState, Video
from uploads.protocol import tus
from uploads.protocol.metadata import parse_metadata, text_of
from uploads.protocol.requests import ROOT, Request
from uploads.protocol.responses import Response
from uploads.services.create import Created, create_upload
from uploads.threads import database

from .auth import authenticate
from .log import note_upload

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# The upload exists: its address must reach the client, which goes on from the offset told with it.
_GO_ON_LATER = (StorageFull, StorageFailed, UploadStalled, ServerRestarting, WriterReplaced, UploadBusy, *DATABASE_DOWN)


async def create(request: Request, body: Body) -> Response:
    """Return 201 with the address of the new upload.

    Raises:
        NotSignedIn, ForeignOrigin, HeaderInvalid, MetadataInvalid, NotFound and everything `create_upload` and `Writer.run` raise.
    """
    length = tus.announced_length(request.headers)
    size = request.content_length()
    has_body = size is None or size > 0
    if has_body:
        tus.require_offset_type(request.headers)
        if size is not None and size > length:
            raise BeyondLength(length=length, offset=0)
    created = await database(_create, request, length)
    session = created.session
    note_upload(session)
    headers = {
        "Location": f"{ROOT}/{created.secret}",
        "Holdfast-Upload": session.public_id,
        **tus.expires(session),
    }
    if session.video_id is not None:
        headers["Holdfast-Video"] = await database(_video_id, session.video_id)
    if has_body and session.state == SessionState.RECEIVING and session.committed == 0:
        headers["Upload-Offset"] = str(await _first_bytes(created, body))
    elif has_body:
        headers["Upload-Offset"] = str(session.committed)
    return Response(201, headers)


async def _first_bytes(created: Created, body: Body) -> int:
    writer = Writer(session=created.session, body=body, offset=0, may_be_anything=accepts_anything())
    try:
        return await writer.run()
    except _GO_ON_LATER:
        return writer.committed
    except ClientGone:
        return writer.committed


def _create(request: Request, length: int) -> Created:
    owner = authenticate(request)
    given = request.headers.text("Upload-Metadata")
    pairs = parse_metadata(given)
    key = request.headers.text("Idempotency-Key")
    if key and _KEY.fullmatch(key) is None:
        raise HeaderInvalid(header="Idempotency-Key")
    return create_upload(
        owner=owner,
        length=length,
        file_name=text_of(pairs, "filename", "name"),
        declared_type=text_of(pairs, "filetype", "type"),
        fingerprint=text_of(pairs, "fingerprint"),
        metadata=given,
        idempotency_key=key,
        video=_replaced(owner, text_of(pairs, "video")),
    )


def _replaced(owner: User, public_id: str) -> Video | None:
    """The video that is to get this file as its new one; somebody else's reads as none at all."""
    if not public_id:
        return None
    video = Video.objects.filter(owner=owner, public_id=public_id[:40]).first()
    if video is None:
        raise NotFound
    return video


def _video_id(pk: int) -> str:
    return str(Video.objects.values_list("public_id", flat=True).get(pk=pk))
