"""Which protocol a request speaks; decided, and its version checked, before anything else is looked at."""

from __future__ import annotations

from uploads.errors import ContinuedElsewhere, UploadNotFound
from uploads.protocol import dialects, tus
from uploads.protocol.requests import Request
from uploads.services.tokens import ANY_SCOPE, resolve
from uploads.threads import database

_NAMELESS = ("HEAD", "DELETE")  # the draft's own form of these has no header that tells them from anybody's


async def dialect_of(request: Request) -> str:
    """Return the protocol of a request. One that names none is taken for what its upload was created with.

    Raises:
        VersionUnsupported: it is tus in another version, or in none.
    """
    if dialects.named(request.headers) == dialects.DRAFT:
        return dialects.DRAFT
    nameless = request.method in _NAMELESS and request.headers.get("Tus-Resumable") is None
    if nameless and await database(_created_by_draft, request):
        return dialects.DRAFT
    tus.require_version(request.method, request.headers)
    return dialects.TUS


def _created_by_draft(request: Request) -> bool:
    try:
        secret, public_id = request.credentials()
        authority = resolve(secret, ANY_SCOPE, public_id=public_id)
    except (UploadNotFound, ContinuedElsewhere):
        return False
    return authority.session.protocol == dialects.DRAFT
