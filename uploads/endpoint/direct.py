"""Uploads whose parts go straight to S3, at the upload's own address: the plan at creation, the offset out of S3's list, taking over."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from uploads.errors import MetadataInvalid
from uploads.models import SessionState, UploadSession
from uploads.protocol.metadata import parse_metadata, text_of
from uploads.protocol.requests import Request
from uploads.threads import database, files

API = "/api/v1/s3/multipart"


def wants_direct(request: Request) -> bool:
    """True when a creation asks for `transport: s3` in its metadata. Called before anything is made.

    Raises:
        MetadataInvalid: there is no such transport, or bytes came along, which would have to go through the server.
        DirectUnavailable: uploads are not kept in S3.
    """
    transport = text_of(parse_metadata(request.headers.text("Upload-Metadata")), "transport")
    if not transport:
        return False
    if transport != "s3":
        raise MetadataInvalid(reason="there is no transport of that name")
    if request.announces_body():
        raise MetadataInvalid(reason="the first bytes came along, though parts are to go straight to the storage")
    from uploads.direct.begin import require_available  # needs boto3, which takes its time

    require_available()
    return True


async def begun(session: UploadSession) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the answer that carries the plan."""
    plan = await database(_begin, session)
    return {"Content-Type": "application/json", "Cache-Control": "no-store"}, json.dumps(plan).encode()


async def counted(session: UploadSession) -> UploadSession:
    """Bring the offset up to what S3 has, while parts may still go there directly.

    Raises:
        Everything `count_parts` raises.
    """
    return await files(_count, session) if _possible(session) else session


async def taken_over(session: UploadSession, *, offset: int) -> UploadSession:
    """The server is sent bytes at `offset`: where that is the right one, no part may go to S3 directly any more.

    Raises:
        Everything `count_parts` raises.
    """
    return await files(_take_over, session, offset) if _possible(session) else session


def _possible(session: UploadSession) -> bool:
    return bool(settings.UPLOAD_STORE == "s3" and session.state == SessionState.RECEIVING)


def _begin(session: UploadSession) -> dict[str, Any]:
    from uploads.direct.begin import begin_direct, plan_of
    from uploads.direct.sign import MOST_AT_ONCE, SECONDS

    plan = plan_of(session, begin_direct(session))
    own = f"{API}/{session.public_id}"
    told: dict[str, Any] = {"transport": "s3", "upload_id": session.public_id, "length": session.length}
    told |= {"part_size": plan.part_size if plan else None, "parts": plan.parts if plan else None}
    return told | {"sign": f"{own}/batch?partNumbers=", "sign_at_once": MOST_AT_ONCE, "sign_seconds": SECONDS, "list": own, "complete": f"{own}/complete"}


def _count(session: UploadSession) -> UploadSession:
    from uploads.direct.count import count_parts, is_open

    return count_parts(session) if is_open(session) else session


def _take_over(session: UploadSession, offset: int) -> UploadSession:
    from uploads.direct.count import close_direct, count_parts, is_open

    if not is_open(session):
        return session
    session = count_parts(session)
    if session.state == SessionState.RECEIVING and session.committed == offset:
        close_direct(session)
    return session
