"""The outermost elements of a Matroska or WebM file (RFC 8794, RFC 9559): a few reads tell a copy cut short from a recording that is whole.

What a browser records has a segment of unknown size: it was written while it was made, and ends where the file ends.
"""

from __future__ import annotations

import io

from .boxes import Seekable, Walk

_EBML, _SEGMENT, _CLUSTER, _VOID = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xEC
_MOST_ELEMENTS = 1000  # in front of the first cluster there are about five; more is a trick
_HEADER_BYTES = 12  # of an identifier (4 at most) and a size (8 at most)


def walk_elements(source: Seekable, *, size: int) -> Walk:
    """Walk to the first cluster.

    Args:
        source: seekable, read 12 bytes at a time.
        size: bytes of the whole file.
    """
    at, end, inside = 0, size, False
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return Walk.EMPTY
        kind, header, length = _element(source, at)
        if kind == 0:
            return Walk.CUT_SHORT if end - at < _HEADER_BYTES else Walk.NOT_BOXES
        if kind == _CLUSTER and inside:
            return Walk.WHOLE
        if not inside and kind not in (_EBML, _SEGMENT, _VOID):
            return Walk.NOT_BOXES
        if length is not None and at + header + length > size:
            return Walk.CUT_SHORT
        if kind == _SEGMENT:
            end = size if length is None else at + header + length
            at, inside = at + header, True
        elif length is None:
            return Walk.NOT_BOXES  # nothing else in front of a cluster may leave its size open
        else:
            at += header + length
    return Walk.NOT_BOXES


def _element(source: Seekable, at: int) -> tuple[int, int, int | None]:
    """Return identifier, bytes of the header, and bytes of the content (None for unknown); identifier 0 when there is no element."""
    source.seek(at, io.SEEK_SET)
    data = source.read(_HEADER_BYTES)
    wide = _width(data, most=4)
    long = _width(data[wide:], most=8)
    if not wide or not long or len(data) < wide + long or (at == 0 and int.from_bytes(data[:wide], "big") != _EBML):
        return 0, 0, None
    mask = (1 << 7 * long) - 1
    length = int.from_bytes(data[wide : wide + long], "big") & mask
    return int.from_bytes(data[:wide], "big"), wide + long, None if length == mask else length


def _width(data: bytes, *, most: int) -> int:
    """Bytes of the number that begins here: as many as zero bits lead it, plus one (RFC 8794, 4). 0 for none."""
    width = 9 - data[0].bit_length() if data and data[0] else 0
    return width if width <= most else 0
