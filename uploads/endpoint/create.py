"""POST /files/: a new upload, with its first bytes if they came along."""

from __future__ import annotations

import re
from dataclasses import replace
from email.message import Message

from resilience.faults import point
from resilience.http.translate import DATABASE_DOWN
from uploads.append.body import Body
from uploads.append.writer import ClientGone, Writer
from uploads.attachments.holders import attaching_of
from uploads.errors import (
    BeyondLength,
    ChecksumMismatch,
    DigestMismatch,
    HeaderInvalid,
    LengthInconsistent,
    ServerRestarting,
    StorageFailed,
    StorageFull,
    TooLarge,
    UploadBusy,
    UploadStalled,
    WriterReplaced,
)
from uploads.errors.attachments import AttachmentWayRefused
from uploads.errors.limits import DailyReached, QuotaReached, TooManyRequests
from uploads.models import SessionState, UploadRole, UploadSession, Video
from uploads.protocol import dialects, draft, tus
from uploads.protocol.asked import Creation
from uploads.protocol.metadata import parse_metadata, text_of
from uploads.protocol.requests import ROOT, Request
from uploads.protocol.responses import Response
from uploads.services.begin import Begun
from uploads.services.create import Created, create_upload
from uploads.services.parts import usable_parts
from uploads.services.promise import promise_of
from uploads.services.undo import undo_creation
from uploads.services.videos import video_of
from uploads.threads import database

from .append import may_be_anything
from .auth import authenticate
from .begin import begin, promised
from .direct import begun, wants_direct
from .interim import Interim
from .log import note_upload

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# The upload exists: its address must reach the client, which goes on from the offset told with it.
_GO_ON_LATER = (StorageFull, StorageFailed, UploadStalled, ServerRestarting, WriterReplaced, UploadBusy, *DATABASE_DOWN)
# The request contradicts itself, or is too much: nothing of it stays, neither bytes nor rows.
_NEVER_WAS = (ChecksumMismatch, DigestMismatch, BeyondLength, TooLarge, LengthInconsistent, QuotaReached, DailyReached, TooManyRequests)


async def create(request: Request, body: Body, protocol: str, interim: Interim) -> Response:
    """Return 201 with the address of the new upload.

    Raises:
        NotSignedIn, ForeignOrigin, HeaderInvalid, MetadataInvalid, DirectUnavailable, NotFound and everything `usable_parts`, `create_upload` and
        `Writer.run` raise.
    """
    asked: Creation = dialects.module_of(protocol).creation(request)
    straight_to_s3 = wants_direct(request)
    begun_quickly = await begin(request, asked, protocol)
    created: Begun | Created = begun_quickly if begun_quickly is not None else await database(_create, request, asked, protocol)
    session = created.session
    note_upload(session)
    headers = {"Location": f"{ROOT}/{created.secret}", "Holdfast-Upload": session.public_id, **tus.expires(session)}
    if session.video_id is not None:
        headers["Holdfast-Video"] = begun_quickly.video if begun_quickly else await _video_id(session)
    if straight_to_s3:
        more, plan = await begun(session)
        return Response(201, headers | more, plan)
    if interim.wanted:
        await interim.created(headers["Location"], draft.limits(session))
    if (asked.has_body or asked.part.ends) and session.state == SessionState.RECEIVING and session.committed == 0:
        headers["Upload-Offset"] = str(await _first_bytes(created, body, asked, interim))
    elif asked.has_body:
        headers["Upload-Offset"] = str(session.committed)
    if protocol == dialects.DRAFT:
        headers = draft.status(await database(UploadSession.objects.get, pk=session.pk)) | headers
    point("uploads.create.before_answer")
    return Response(201, headers)


async def _first_bytes(created: Begun | Created, body: Body, asked: Creation, interim: Interim) -> int:
    session = created.session
    told = interim.committed if interim.wanted else None
    part = replace(asked.part, whole=promise_of(session))
    writer = Writer(session=session, body=body, offset=0, may_be_anything=may_be_anything(session), part=part, told=told)
    try:
        return await writer.run()
    except _NEVER_WAS:
        await database(undo_creation, session, secret=created.secret)
        raise
    except _GO_ON_LATER:
        return writer.committed
    except ClientGone:
        return writer.committed


def _create(request: Request, asked: Creation, protocol: str) -> Created:
    owner = authenticate(request, by_preflight=protocol == dialects.TUS)
    given = request.headers.text("Upload-Metadata")
    pairs = parse_metadata(given)
    key = request.headers.text("Idempotency-Key")
    if key and _KEY.fullmatch(key) is None:
        raise HeaderInvalid(header="Idempotency-Key")
    name, kind = text_of(pairs, "filename", "name"), text_of(pairs, "filetype", "type")
    if protocol == dialects.DRAFT:
        name, kind = name or _disposition_name(request), kind or _content_kind(request)
    attaching = attaching_of(pairs)
    if attaching is not None and text_of(pairs, "transport"):
        raise AttachmentWayRefused(way="straight to the storage")
    video = video_of(owner, text_of(pairs, "video")) if attaching is None else None
    parts = usable_parts(owner, asked.parts)
    return create_upload(
        owner=owner,
        length=sum(part.committed for part in parts) if asked.role == UploadRole.JOINED else asked.length,
        file_name=name,
        declared_type=kind,
        fingerprint=text_of(pairs, "fingerprint"),
        metadata=given,
        idempotency_key=key,
        video=video,
        role=UploadRole.ATTACHED if attaching is not None and asked.role == UploadRole.WHOLE else asked.role,
        parts=parts,
        concat=request.headers.text("Upload-Concat") if parts else "",
        protocol=protocol,
        promised_digest=promised(request),
        attaching=attaching,
    )


def _disposition_name(request: Request) -> str:
    """The file name by Content-Disposition, as the draft has it, in either form of RFC 6266."""
    message = Message()
    message["Content-Disposition"] = request.headers.text("Content-Disposition")
    return message.get_filename("")


def _content_kind(request: Request) -> str:
    kind = request.headers.media_type()
    return "" if kind == draft.PARTIAL_TYPE else kind


async def _video_id(session: UploadSession) -> str:
    known = UploadSession.video.is_cached(session)  # made with it a moment ago
    return session.its_video.public_id if known else str(await database(Video.objects.values_list("public_id", flat=True).get, pk=session.video_id))
