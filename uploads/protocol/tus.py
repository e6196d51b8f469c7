"""tus 1.0.0 (https://tus.io/protocols/resumable-upload): versions, extensions and the headers of its answers."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils.http import http_date

from uploads.append.part import Part
from uploads.errors import BeyondLength, HeaderInvalid, LengthMissing, MediaTypeWrong, VersionUnsupported
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession
from uploads.seal import unseal

from .asked import Appending, Creation
from .checksums import TUS_ALGORITHMS, proof_of
from .headers import Headers
from .requests import Request

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination", "concatenation")
OFFSET_TYPE = "application/offset+octet-stream"
NEEDS_NO_VERSION = ("OPTIONS", "GET")  # OPTIONS by the protocol; GET is not part of it, and browsers send none


def require_version(method: str, headers: Headers) -> None:
    """Refuse another version before anything else is looked at.

    Raises:
        VersionUnsupported: Tus-Resumable is missing or another.
    """
    if method not in NEEDS_NO_VERSION and headers.text("Tus-Resumable") != VERSION:
        raise VersionUnsupported(supported=VERSION)


def require_offset_type(headers: Headers) -> None:
    """Raises: MediaTypeWrong."""
    if headers.media_type() != OFFSET_TYPE:
        raise MediaTypeWrong(expected=OFFSET_TYPE)


def creation(request: Request) -> Creation:
    """Read a POST.

    Raises:
        HeaderInvalid, LengthMissing, MediaTypeWrong, BeyondLength, ChecksumUnknown.
    """
    headers = request.headers
    role, parts = _concat(headers)
    if role == UploadRole.JOINED:
        return Creation(length=None, has_body=False, role=role, parts=parts)
    length, size = _announced_length(headers), request.content_length()
    has_body = size is None or size > 0
    if has_body:
        require_offset_type(headers)
        if length is not None and size is not None and size > length:
            raise BeyondLength(length=length, offset=0)
    return Creation(length=length, has_body=has_body, role=role, part=Part(proof=proof_of(headers) if has_body else None))


def appending(request: Request) -> Appending:
    """Read a PATCH.

    Raises:
        MediaTypeWrong, HeaderInvalid, ChecksumUnknown.
    """
    headers = request.headers
    require_offset_type(headers)
    offset = headers.number("Upload-Offset")
    return Appending(offset=offset, part=Part(length=headers.number_if_given("Upload-Length"), proof=proof_of(headers)))


def _announced_length(headers: Headers) -> int | None:
    """Return Upload-Length; None when it is to follow."""
    deferred = headers.get("Upload-Defer-Length")
    if deferred is None and headers.get("Upload-Length") is None:
        raise LengthMissing
    if deferred is None:
        return headers.number("Upload-Length")
    if deferred != "1" or headers.get("Upload-Length") is not None:
        raise HeaderInvalid(header="Upload-Defer-Length")
    return None


def _concat(headers: Headers) -> tuple[UploadRole, tuple[str, ...]]:
    """Return what an upload is to be of its file, and the addresses of the parts of a final one."""
    given = headers.get("Upload-Concat")
    if given is None:
        return UploadRole.WHOLE, ()
    if given == "partial":
        return UploadRole.PART, ()
    kind, _, addresses = given.partition(";")
    parts = tuple(addresses.split())
    if kind != "final" or not parts:
        raise HeaderInvalid(header="Upload-Concat")
    for forbidden in ("Upload-Length", "Upload-Defer-Length"):
        if headers.get(forbidden) is not None:
            raise HeaderInvalid(header=forbidden)
    return UploadRole.JOINED, parts


def capabilities() -> dict[str, str]:
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(settings.UPLOAD_MAX_SIZE),
        "Tus-Checksum-Algorithm": ",".join(TUS_ALGORITHMS),
    }


def expires(session: UploadSession) -> dict[str, str]:
    """Upload-Expires, while the upload can expire at all: a part of a file does even when it is complete."""
    can = session.state in OPEN_SESSION_STATES or (session.role == UploadRole.PART and session.state == SessionState.RECEIVED)
    return expires_at(session.expires_at) if can else {}


def expires_at(moment: datetime) -> dict[str, str]:
    return {"Upload-Expires": http_date(moment.timestamp())}


def status(session: UploadSession) -> dict[str, str]:
    """Headers of the answer to HEAD. A joined upload has no offset until its parts are put together."""
    told = {"Cache-Control": "no-store", "Holdfast-Upload": session.public_id, **expires(session)}
    if not (session.role == UploadRole.JOINED and session.state == SessionState.CREATING):
        told["Upload-Offset"] = str(session.committed)
    if session.length is not None:
        told["Upload-Length"] = str(session.length)
    else:
        told["Upload-Defer-Length"] = "1"
    if session.metadata:
        told["Upload-Metadata"] = session.metadata
    if session.role == UploadRole.PART:
        told["Upload-Concat"] = "partial"
    elif session.role == UploadRole.JOINED:
        told["Upload-Concat"] = unseal(session.concat) or "final"
    return told
