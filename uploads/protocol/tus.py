"""tus 1.0.0 (https://tus.io/protocols/resumable-upload): versions, extensions and the headers of its answers."""

from __future__ import annotations

from django.conf import settings
from django.utils.http import http_date

from uploads.errors import DeferredLengthUnsupported, HeaderInvalid, MediaTypeWrong, VersionUnsupported
from uploads.models import OPEN_SESSION_STATES, UploadSession

from .headers import Headers

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "termination")
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


def announced_length(headers: Headers) -> int:
    """Return Upload-Length of a creation.

    Raises:
        HeaderInvalid: missing, malformed, or given together with Upload-Defer-Length.
        DeferredLengthUnsupported: the length is to follow later.
    """
    deferred = headers.get("Upload-Defer-Length")
    if deferred is not None:
        if deferred != "1" or headers.get("Upload-Length") is not None:
            raise HeaderInvalid(header="Upload-Defer-Length")
        raise DeferredLengthUnsupported
    return headers.number("Upload-Length")


def capabilities() -> dict[str, str]:
    return {"Tus-Version": VERSION, "Tus-Extension": ",".join(EXTENSIONS), "Tus-Max-Size": str(settings.UPLOAD_MAX_SIZE)}


def expires(session: UploadSession) -> dict[str, str]:
    """Upload-Expires, while the upload can expire at all."""
    return {"Upload-Expires": http_date(session.expires_at.timestamp())} if session.state in OPEN_SESSION_STATES else {}


def status(session: UploadSession) -> dict[str, str]:
    """Headers of the answer to HEAD."""
    told = {"Upload-Offset": str(session.committed), "Cache-Control": "no-store", "Holdfast-Upload": session.public_id, **expires(session)}
    if session.length is not None:
        told["Upload-Length"] = str(session.length)
    if session.metadata:
        told["Upload-Metadata"] = session.metadata
    return told
