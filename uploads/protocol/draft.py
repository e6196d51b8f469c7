"""Resumable Uploads for HTTP, the IETF draft (draft-ietf-httpbis-resumable-upload), interop versions 8 and 6.

Its fields are structured; one that is malformed counts as not sent.
"""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from uploads.admission import accepts_anything
from uploads.append.part import Part
from uploads.errors import BeyondLength, HeaderInvalid, LengthInconsistent, MediaTypeWrong
from uploads.models import COMPLETE_SESSION_STATES, OPEN_SESSION_STATES, UploadRole, UploadSession

from .asked import Appending, Creation
from .checksums import proof_of
from .headers import Headers
from .requests import Request
from .structured import boolean, dictionary, parse_boolean, parse_integer

NAME = "draft"
VERSIONS = (8, 6)
PARTIAL_TYPE = "application/partial-upload"
VERSION_FIELD = "Upload-Draft-Interop-Version"


def is_spoken(headers: Headers) -> bool:
    """True when a request shows that it speaks the draft. tus names itself in every request, and then is taken at its word."""
    if headers.get("Tus-Resumable") is not None:
        return False
    named = headers.get(VERSION_FIELD) is not None or parse_boolean(headers.get("Upload-Complete")) is not None
    return named or headers.media_type() == PARTIAL_TYPE


def interim_version(headers: Headers) -> int | None:
    """Return the interop version to answer 104 with; None when the client must not be sent one."""
    version = parse_integer(headers.get(VERSION_FIELD))
    return version if version in VERSIONS and is_spoken(headers) else None


def creation(request: Request) -> Creation:
    """Read a POST with Upload-Complete.

    Raises:
        HeaderInvalid, LengthInconsistent, BeyondLength.
    """
    ends, size = _complete(request.headers), request.content_length()
    length = _length(request.headers, offset=0, size=size, ends=ends)
    if length is not None and size is not None and size > length:
        raise BeyondLength(length=length, offset=0)
    has_body = size is None or size > 0
    return Creation(length=length, has_body=has_body, part=Part(ends=ends, proof=proof_of(request.headers) if has_body else None, overflow_ends=True))


def appending(request: Request) -> Appending:
    """Read a PATCH.

    Raises:
        MediaTypeWrong, HeaderInvalid, LengthInconsistent.
    """
    headers = request.headers
    if headers.media_type() != PARTIAL_TYPE:
        raise MediaTypeWrong(expected=PARTIAL_TYPE)
    offset = parse_integer(headers.get("Upload-Offset"))
    if offset is None or offset < 0:
        raise HeaderInvalid(header="Upload-Offset")
    ends = _complete(headers)
    length = _length(headers, offset=offset, size=request.content_length(), ends=ends)
    return Appending(offset=offset, part=Part(length=length, ends=ends, proof=proof_of(headers), overflow_ends=True))


def _complete(headers: Headers) -> bool:
    ends = parse_boolean(headers.get("Upload-Complete"))
    if ends is None:
        raise HeaderInvalid(header="Upload-Complete")
    return ends


def _length(headers: Headers, *, offset: int, size: int | None, ends: bool) -> int | None:
    """Return the length this request tells: by Upload-Length, by where its body ends, or by both if they agree."""
    given = parse_integer(headers.get("Upload-Length"))
    given = given if given is not None and given >= 0 else None
    by_end = offset + size if ends and size is not None else None
    if given is not None and by_end is not None and given != by_end:
        raise LengthInconsistent
    return given if by_end is None else by_end


def limits(session: UploadSession | None = None) -> str:
    """Upload-Limit: of new uploads, or of one that is open (max-age: seconds it still has)."""
    life, most = settings.UPLOAD_EXPIRY_SECONDS, settings.UPLOAD_MAX_SIZE
    if session is not None and session.role == UploadRole.ATTACHED:
        most = settings.UPLOAD_ATTACHMENT_MAX_SIZE
    if session is not None:
        life = max(0, int((session.expires_at - timezone.now()).total_seconds()))
    return dictionary({"max-size": most, "min-size": 0 if accepts_anything() else 1, "max-age": life})


def status(session: UploadSession) -> dict[str, str]:
    """Fields that tell where an upload stands; in the answers to HEAD and PATCH, and to a creation that brought bytes."""
    told = {
        "Upload-Offset": str(session.committed),
        "Upload-Complete": boolean(session.state in COMPLETE_SESSION_STATES),
        "Cache-Control": "no-store",
        "Holdfast-Upload": session.public_id,
    }
    if session.state in OPEN_SESSION_STATES:
        told["Upload-Limit"] = limits(session)
    else:
        told["Upload-Limit"] = dictionary({"max-size": settings.UPLOAD_MAX_SIZE, "min-size": 0})
    if session.length is not None:
        told["Upload-Length"] = str(session.length)
    return told


def of_refusal(status_code: int) -> dict[str, str]:
    """Fields every refused creation or append carries."""
    told = {"Upload-Complete": boolean(False)}
    if status_code == 413:
        told["Upload-Limit"] = limits()
    return told
