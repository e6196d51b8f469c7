"""The outermost boxes of an MP4 or MOV file (ISO/IEC 14496-12, 4.2): 16 bytes per box tell a file cut short from one that is no video."""

from __future__ import annotations

import io
from enum import Enum
from typing import Protocol

_MOST_BOXES = 100_000  # fragmented files have thousands; more is a trick


class Seekable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...

    def read(self, size: int = ..., /) -> bytes: ...


class Walk(Enum):
    WHOLE = "whole"
    CUT_SHORT = "cut short"  # a box says it is longer than the file, or the index that belongs behind the data is missing
    NOT_BOXES = "not boxes"  # what is there is not a row of boxes
    EMPTY = "empty"  # boxes, but neither an index nor data


def walk_boxes(source: Seekable, *, size: int) -> Walk:
    """Walk the outermost boxes.

    Args:
        source: seekable, read 16 bytes at a time.
        size: bytes of the whole file.
    """
    seen: set[bytes] = set()
    at = 0
    for _ in range(_MOST_BOXES):
        if at >= size:
            break
        kind, length = _box(source, at, size)
        if kind == b"":
            return Walk.NOT_BOXES if not seen else Walk.CUT_SHORT if _only_data(seen) else Walk.WHOLE
        seen.add(kind)
        if length == 0 or at + length > size:
            return Walk.CUT_SHORT
        at += length
    if b"moov" in seen:
        return Walk.WHOLE
    return Walk.CUT_SHORT if b"mdat" in seen else Walk.EMPTY


def _only_data(seen: set[bytes]) -> bool:
    return b"mdat" in seen and b"moov" not in seen


def _box(source: Seekable, at: int, size: int) -> tuple[bytes, int]:
    """Return kind and length in bytes of the box at an offset; an empty kind when there is none, length 0 when its header is cut."""
    source.seek(at, io.SEEK_SET)
    header = source.read(16)
    if len(header) < 8:
        # A few stray bytes behind the last box are common; they are not a cut box.
        return b"", 0
    length, kind = int.from_bytes(header[:4], "big"), header[4:8]
    if not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
        return b"", 0
    if length == 1:
        return kind, int.from_bytes(header[8:16], "big") if len(header) == 16 else 0
    if length == 0:
        return kind, size - at  # to the end of the file
    return (kind, length) if length >= 8 else (b"", 0)
