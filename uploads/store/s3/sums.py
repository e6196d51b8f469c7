"""What S3 itself says of the bytes it holds, and what that is worth.

An ETag is the MD5 of a part's bytes, and of an object made of parts the MD5 of those, with their count behind it; except where S3 encrypts
with keys of a key service or of the customer (then it is no sum of anything), and at other makers, who may do as they like.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import structlog

from uploads.store.base import Loss, StoreMissing, Sum

from . import client, names, rows
from .client import MultipartMissing
from .rows import Layout, Part

log = structlog.get_logger(__name__)

_MD5 = re.compile(r"[0-9a-f]{32}")
_OF_PARTS = re.compile(r"([0-9a-f]{32})-([0-9]{1,5})")
_TRIES = 3


def require_object(name: str, *, size: int, parts: Sequence[Part] = ()) -> None:
    """Look whether an object is what it must be: its size; how many parts it was made of; and their sums, where its ETag tells.

    Args:
        parts: what it was made of; none where that is not known.

    Raises:
        StoreMissing: it is not there, or is something else.
    """
    found = client.call("head_object", Key=name)
    if found["ContentLength"] != size or not _made_of(found, parts):
        log.error("upload.object_differs", key=name, expected=size, found=found["ContentLength"], etag=found["ETag"])
        raise StoreMissing


def is_shown(name: str, *, size: int, md5: str) -> bool:
    """True when an object's ETag shows that its bytes are these; False leaves it open: who wants to know must read it.

    Raises:
        StoreMissing: there is no such object.
    """
    found = client.call("head_object", Key=name)
    return bool(found["ContentLength"] == size and found["ETag"].strip('"') == md5)


def client_size(name: str) -> int:
    return int(client.call("head_object", Key=name)["ContentLength"])


def joined_etag(parts: Sequence[Part]) -> str:
    """Return the ETag S3 gives an object of these parts; empty when their own ETags are no MD5 sums."""
    if not parts or any(not _MD5.fullmatch(part.etag) or part.md5 not in ("", part.etag) for part in parts):
        return ""
    return f"{md5_of(b''.join(bytes.fromhex(part.etag) for part in parts))}-{len(parts)}"


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sums_of(key: str) -> list[Sum]:
    """Return the sums of what a client sent straight to S3, in order; what came through us has digests of ours. None where they tell nothing."""
    layout = rows.layout_of(key)
    parts = [part for part in rows.parts_of(layout.session_id) if not part.md5 and _MD5.fullmatch(part.etag)]
    if not parts or not layout.object_key or _opaque(client.call("head_object", Key=layout.object_key)):
        return []
    return [Sum(part.offset, part.size, part.etag) for part in parts]


def first_loss(key: str) -> Loss | None:
    """Return the first bytes of an unfinished file that S3 has not, or has others; None when all is as it was counted.

    Parts cannot be read before they are joined: their sizes and ETags are compared. The tail is read.
    """
    for _ in range(_TRIES):
        layout = rows.layout_of(key)
        loss = None if layout.object_key else _loss(layout)
        if loss is None or rows.layout_of(key) == layout:
            return loss
    return None  # somebody writes: what was looked at is not what counts any more


def _loss(layout: Layout) -> Loss | None:
    try:
        where = {"Key": names.whole(layout.key), "UploadId": layout.upload_id}
        listed = {item["PartNumber"]: item for item in client.pages("list_parts", "Parts", **where)} if layout.last else {}
    except MultipartMissing:
        return Loss(0, layout.size, missing=True)
    for part in rows.parts_of(layout.session_id):
        item = listed.get(part.number)
        if item is None or (item["Size"], str(item["ETag"]).strip('"')) != (part.size, part.etag):
            return Loss(part.offset, part.size, missing=item is None)
    return _loss_of_tail(layout)


def _loss_of_tail(layout: Layout) -> Loss | None:
    tail = layout.tail
    if not tail.key:
        return None
    try:
        data = client.read(tail.key, first=0, count=tail.size)
    except StoreMissing:
        return Loss(layout.parts_end, tail.size, missing=True)
    return None if md5_of(data) == tail.md5 else Loss(layout.parts_end, tail.size, missing=len(data) < tail.size)


def _made_of(found: dict[str, Any], parts: Sequence[Part]) -> bool:
    """False when an object's ETag says that it was made of something else than these parts."""
    told = _OF_PARTS.fullmatch(found["ETag"].strip('"'))
    if not parts or told is None:
        return True
    if int(told[2]) != len(parts):
        return False
    return _opaque(found) or joined_etag(parts) in ("", told[0])


def _opaque(found: dict[str, Any]) -> bool:
    """True where an object's ETag is no sum of its bytes."""
    return found.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in found
