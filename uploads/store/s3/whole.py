"""Putting a file together once all of it is in. Every step may be repeated, and two may do it at once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import structlog

from resilience.errors import AppError
from resilience.faults import point
from uploads.store.base import StoreMissing

from . import client, names, numbers, rows
from .client import MultipartMissing, Refused
from .multipart import open_multipart, send_part
from .rows import Layout, Part
from .sums import client_size, is_shown, md5_of, require_object

log = structlog.get_logger(__name__)

PIECE_PARTS = 4  # a copied piece has the bytes of so many parts
TRIES = 3
_LOST = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


def seal(key: str) -> tuple[str, int]:
    """Make one object of a file that is all here. Return its name and size in bytes.

    1. A file that is only a tail is that object already. 2. Otherwise the tail becomes the last part, under a number that nothing else ever
    has. 3. Complete. "No such upload" means that a call before us did it: the object is looked at instead. 4. The row names the object.
    5. The tail goes. A crash before 4 is repeated from 2, one before 5 leaves a tail to the reaper.

    Raises:
        StoreMissing: bytes that counted are gone, or are others.
    """
    layout = rows.layout_of(key)
    if layout.object_key:
        return layout.object_key, layout.size
    try:
        return _seal(layout)
    except StoreMissing:
        layout = rows.layout_of(key)  # of two that seal at once, the first to end takes the tail away
        if not layout.object_key:
            raise
        return layout.object_key, layout.size


def _seal(layout: Layout) -> tuple[str, int]:
    if layout.last is None:
        return _tail_alone(layout)
    tail = _tail_bytes(layout)
    name, parts = names.whole(layout.key), rows.parts_of(layout.session_id)
    last = [Part(number=numbers.TAIL_NUMBER, offset=layout.parts_end, size=len(tail), etag=md5_of(tail), md5=md5_of(tail))] if tail else []
    try:
        _require_open(layout)
        sent = [send_part(layout, layout.upload_id, number=part.number, offset=part.offset, data=tail) for part in last]
        point("uploads.s3.tail_as_part")
        parts = _complete(layout, [*parts, *sent], ours={numbers.TAIL_NUMBER} if sent else set())
    except MultipartMissing:
        parts = [*parts, *last]
    point("uploads.s3.completed")
    require_object(name, size=layout.size, parts=parts)
    point("uploads.s3.proved")
    rows.mark_whole(layout.session_id, name)
    point("uploads.s3.whole")
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
        name, parts = names.whole(target), []
        try:
            _require_open(layout)
            parts = _pieces(layout, sources, total)
            point("uploads.s3.pieces_made")
            parts = _complete(layout, parts, ours={part.number for part in parts})
        except MultipartMissing:
            log.info("upload.joined_before", upload=target)
        require_object(name, size=total, parts=parts)
    point("uploads.s3.joined")
    rows.mark_whole(layout.session_id, name)
    return total


def _tail_bytes(layout: Layout) -> bytes:
    """Raises: StoreMissing: the tail is gone, or is not what was put there."""
    if not layout.tail.key:
        return b""
    data = client.read(layout.tail.key, first=0, count=layout.tail.size)
    if len(data) != layout.tail.size or (layout.tail.md5 and md5_of(data) != layout.tail.md5):
        log.error("upload.tail_differs", upload=layout.key, expected=layout.tail.size, found=len(data))
        raise StoreMissing
    return data


def _tail_alone(layout: Layout) -> tuple[str, int]:
    name, size = layout.tail.key, layout.tail.size
    if name and not is_shown(name, size=size, md5=layout.tail.md5):
        _tail_bytes(layout)
    if not name:
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


def _complete(layout: Layout, parts: list[Part], *, ours: Collection[int]) -> list[Part]:
    """Complete the multipart upload, and return its parts as they went in. S3 compares every ETag with what it has.

    Args:
        ours: numbers under which only the same bytes are ever sent. Another run that sent them again may have given one a new ETag, where
            ETags are no sums of the bytes.

    Raises:
        StoreMissing: a part that counted is gone, or is another. MultipartMissing.
    """
    upload_id = layout.upload_id or rows.layout_of(layout.key).upload_id
    where = {"Key": names.whole(layout.key), "UploadId": upload_id}
    for _ in range(TRIES):
        chosen = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        try:
            client.call("complete_multipart_upload", **where, MultipartUpload={"Parts": chosen})
        except Refused as refused:
            if refused.code not in _LOST:
                raise
            code, listed = refused.code, {item["PartNumber"]: item for item in client.pages("list_parts", "Parts", **where)}
        else:
            return parts
        now = [_as_listed(part, listed) if part.number in ours else part for part in parts]
        if now == parts:
            log.error("upload.parts_lost", upload=layout.key, code=code)
            break
        parts = now
    raise StoreMissing


def _as_listed(part: Part, listed: dict[int, dict[str, Any]]) -> Part:
    item = listed.get(part.number)
    return replace(part, etag=str(item["ETag"]).strip('"')) if item and item["Size"] == part.size else part


def _pieces(layout: Layout, sources: Sequence[tuple[str, int]], total: int) -> list[Part]:
    """Copy the sources into parts of one size; what lies across two sources, or is too small for a copy, is read and sent.

    The same piece has the same number in every run, as it has the same bytes: a run that dies costs no numbers.
    """
    upload_id = layout.upload_id or open_multipart(layout)
    step = layout.part_size * PIECE_PARTS
    made: list[Part] = []
    for number, offset in enumerate(range(0, total, step), 1):
        slices = slices_of(sources, first=offset, end=min(total, offset + step))
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
