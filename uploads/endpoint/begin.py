"""The quick way to begin an upload: three waits, for the owner, for the file and for the rows, the first and the last shared with others."""

from __future__ import annotations

from django.conf import settings

from resilience.errors import AppError
from resilience.ids import opaque_id
from uploads.admission import require_acceptable, require_room
from uploads.errors import StorageFailed, StorageFull
from uploads.models import UploadRole
from uploads.protocol import dialects
from uploads.protocol.asked import Creation
from uploads.protocol.checksums import digests_of
from uploads.protocol.metadata import parse_metadata, text_of
from uploads.protocol.requests import Request
from uploads.services.begin import Begun, Plain, begin_upload
from uploads.services.clean import clean_file_name
from uploads.services.create import STORAGE_RETRY_SECONDS
from uploads.store import WriteFailed, store
from uploads.threads import database, files

from .auth import api_token_of, owner_of_token

_BEGINS = (UploadRole.WHOLE, UploadRole.PART)
_LOOKED_UP = ("video", "transport", "purpose")  # metadata that name something else, which has to be found first


async def begin(request: Request, asked: Creation, protocol: str) -> Begun | None:
    """Begin what is plain (`uploads.services.begin`) and asked for by an API token. None for all else: nothing was done then.

    Raises:
        TooLarge, TypeRefused: the file cannot be taken.
        StorageFull, StorageFailed: not now.
        Everything `begin_upload` raises; nothing stays on disk then.
    """
    text = request.headers.text
    if settings.UPLOAD_STORE != "disk" or protocol != dialects.TUS or asked.role not in _BEGINS or asked.length == 0 or text("Idempotency-Key"):
        return None
    token, given = api_token_of(request), text("Upload-Metadata")
    pairs = parse_metadata(given)
    if not token or any(pairs.get(name) for name in _LOOKED_UP) or any(b"\x00" in value for value in pairs.values()):
        return None
    owner_id = await database(owner_of_token, token)
    if owner_id is None:
        return None
    name, kind = clean_file_name(text_of(pairs, "filename", "name")), text_of(pairs, "filetype", "type")
    require_acceptable(length=asked.length, file_name=name, declared_type=kind)
    key, fingerprint = opaque_id("upl"), text_of(pairs, "fingerprint")[:200]
    plan = Plain(key, owner_id, asked.length, name, kind[:100], fingerprint, given, asked.role, protocol, promised(request))
    await files(_make, key, asked.length or 0)
    try:
        return await database(begin_upload, plan)
    except AppError:  # a limit: no row was inserted. After any other failure one may be there, and its file must stay
        await files(store().delete, key)
        raise


def promised(request: Request) -> str:
    """Repr-Digest, which speaks of the whole file: kept until all of it is there. One we cannot compute is ignored (RFC 9530, 2)."""
    field = request.headers.text("Repr-Digest")[:300]
    return field if digests_of(field) else ""


def _make(key: str, length: int) -> None:
    require_room(length)
    try:
        store().create(key)
    except WriteFailed as failure:
        store().delete(key)
        kind = StorageFull if failure.full else StorageFailed
        raise kind(retry_after=STORAGE_RETRY_SECONDS) from failure
