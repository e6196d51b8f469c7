"""Putting a file together once all of it is in. Every step may be repeated, and two may do it at once."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence

import structlog

from resilience.errors import AppError
from uploads.store.base import StoreMissing

from . import client, names, rows
from .appender import open_multipart, send_part
from .client import MultipartMissing, Refused
from .rows import Layout, Part

log = structlog.get_logger(__name__)

PIECE_PARTS = 4  # a copied piece has the bytes of so many parts
_HEX = re.compile(r"[0-9a-f]{32}")


def seal(key: str) -> tuple[str, int]:
    """Make one object of a file that is all here. Return its name and size in bytes.

    1. A file that is only a tail is that object already. 2. Otherwise the tail becomes the last part, under a number of its own.
    3. Complete. "No such upload" means that a call before us did it: the object is looked at instead. 4. The row names the object.
    5. The tail goes. A crash before 4 is repeated from 2, one before 5 leaves a tail to the reaper.

    Raises:
        StoreMissing: bytes that counted are gone.
    """
    layout = rows.layout_of(key)
    if layout.object_key:
        return layout.object_key, layout.size
    if layout.last is None:
        return _tail_alone(layout)
    name = names.whole(key)
    try:
        _require_open(layout)
        parts = rows.parts_of(layout.session_id)
        parts += _tail_as_parts(layout)
        _complete(layout, parts)
    except (MultipartMissing, StoreMissing):
        require_object(name, size=layout.size, etag=joined_etag(rows.parts_of(layout.session_id)) if not layout.tail.key else "")
    else:
        require_object(name, size=layout.size, etag=joined_etag(parts))
    rows.mark_whole(layout.session_id, name)
    _drop(layout.tail.key)
    return name, layout.size


def concatenate(keys: Sequence[str], target: str) -> int:
    """Make `target` out of complete files, in order, inside S3 where that is possible. Return its size in bytes.

    Doing it again, also after a crash in the middle, gives the same file. The files themselves stay.

    Raises:
        StoreMissing: one of them is not all here.
    """
    layout = rows.layout_of(target)
    if layout.object_key:
        return client_size(layout.object_key)
    sources = [(name, size) for name, size in (seal(key) for key in keys) if size]
    total = sum(size for _name, size in sources)
    if total <= layout.part_size:
        name = names.tail(target, uuid.uuid4().hex)
        _put(name, b"".join(client.read(source, first=0, count=size) for source, size in sources), size=total)
    else:
        name = names.whole(target)
        try:
            _require_open(layout)
            _complete(layout, _pieces(layout, sources, total))
        except MultipartMissing:
            log.info("upload.joined_before", upload=target)
        require_object(name, size=total)
    rows.mark_whole(layout.session_id, name)
    return total


def require_object(name: str, *, size: int, etag: str = "") -> None:
    """Look whether an object is what it must be.

    Args:
        etag: what S3 calls an object made of these parts; empty where that cannot be known.

    Raises:
        StoreMissing: it is not there, or is something else.
    """
    found = client.call("head_object", Key=name)
    if found["ContentLength"] != size or (etag and found["ETag"].strip('"') != etag):
        log.error("upload.object_differs", key=name, expected=size, found=found["ContentLength"])
        raise StoreMissing


def client_size(name: str) -> int:
    return int(client.call("head_object", Key=name)["ContentLength"])


def joined_etag(parts: Sequence[Part]) -> str:
    """Return the ETag S3 gives an object of these parts; empty when its ETags are not MD5 sums (encryption with keys of one's own)."""
    if not parts or any(not _HEX.fullmatch(part.etag) or part.etag != part.md5 for part in parts):
        return ""
    return f"{hashlib.md5(b''.join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _tail_alone(layout: Layout) -> tuple[str, int]:
    name, size = layout.tail.key, layout.tail.size
    if name:
        require_object(name, size=size)
    else:
        name = names.tail(layout.key, uuid.uuid4().hex)
        _put(name, b"", size=0)
    rows.mark_whole(layout.session_id, name)
    return name, size


def _require_open(layout: Layout) -> None:
    """Look first whether the work was done before: one question instead of sending what nobody takes any more.

    Raises:
        MultipartMissing: it was completed, or aborted.
    """
    if layout.upload_id:
        client.call("list_parts", Key=names.whole(layout.key), UploadId=layout.upload_id, MaxParts=1)


def _tail_as_parts(layout: Layout) -> list[Part]:
    """Send the tail as the last part; as several, should it be longer than one."""
    if not layout.tail.key:
        return []
    data = client.read(layout.tail.key, first=0, count=layout.tail.size)
    if len(data) != layout.tail.size:
        raise StoreMissing
    pieces = [data[first : first + layout.part_size] for first in range(0, len(data), layout.part_size)]
    number = rows.reserve(layout.session_id, len(pieces))
    return [
        send_part(layout, layout.upload_id, number=number + index, offset=layout.parts_end + index * layout.part_size, data=piece)
        for index, piece in enumerate(pieces)
    ]


def _complete(layout: Layout, parts: Sequence[Part]) -> None:
    chosen = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
    upload_id = layout.upload_id or rows.layout_of(layout.key).upload_id
    try:
        client.call("complete_multipart_upload", Key=names.whole(layout.key), UploadId=upload_id, MultipartUpload={"Parts": chosen})
    except Refused as refused:
        if refused.code in ("InvalidPart", "InvalidPartOrder", "EntityTooSmall"):
            log.error("upload.parts_lost", upload=layout.key, code=refused.code)
            raise StoreMissing from refused
        raise


def _pieces(layout: Layout, sources: Sequence[tuple[str, int]], total: int) -> list[Part]:
    """Copy the sources into parts of one size; what lies across two sources, or is too small for a copy, is read and sent."""
    upload_id = layout.upload_id or open_multipart(layout)
    step = layout.part_size * PIECE_PARTS
    made: list[Part] = []
    for offset in range(0, total, step):
        slices = slices_of(sources, first=offset, end=min(total, offset + step))
        number = rows.reserve(layout.session_id)
        if len(slices) == 1:
            made.append(_copy(layout, upload_id, number, offset, slices[0]))
        else:
            data = b"".join(client.read(name, first=first, count=count) for name, first, count in slices)
            made.append(send_part(layout, upload_id, number=number, offset=offset, data=data))
    return made


def _copy(layout: Layout, upload_id: str, number: int, offset: int, piece: tuple[str, int, int]) -> Part:
    name, first, count = piece
    answer = client.call(
        "upload_part_copy",
        Key=names.whole(layout.key),
        UploadId=upload_id,
        PartNumber=number,
        CopySource={"Bucket": client.bucket(), "Key": name},
        CopySourceRange=f"bytes={first}-{first + count - 1}",
    )
    return Part(number=number, offset=offset, size=count, etag=str(answer["CopyPartResult"]["ETag"]).strip('"'))


def slices_of(sources: Sequence[tuple[str, int]], *, first: int, end: int) -> list[tuple[str, int, int]]:
    """Return name, offset and count of the pieces of sources that lie from `first` to `end` of them all, one after the other."""
    found, start = [], 0
    for name, size in sources:
        low, high = max(first, start), min(end, start + size)
        if low < high:
            found.append((name, low - start, high - low))
        start += size
    return found


def _put(name: str, data: bytes, *, size: int) -> None:
    if len(data) != size:
        raise StoreMissing
    client.call("put_object", Key=name, Body=data, ContentMD5=client.content_md5(data))


def _drop(name: str) -> None:
    if name:
        try:
            client.call("delete_object", Key=name)
        except (AppError, Refused) as failure:  # the reaper finds it
            log.info("upload.tail_left", key=name, reason=type(failure).__name__)
