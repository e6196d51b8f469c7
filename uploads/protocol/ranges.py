"""One byte range of RFC 9110, 14.1; several at once are answered with the whole file, as it allows."""

from __future__ import annotations

import re

from uploads.errors import RangeInvalid

_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def parse_range(header: str, *, length: int) -> tuple[int, int] | None:
    """Return first and last byte asked for, both included; None for the whole file (also when the header is not understood).

    Raises:
        RangeInvalid: it lies outside the file.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        count = min(int(last), length)
        if count == 0:
            raise RangeInvalid(length=length)
        return length - count, length - 1
    if int(first) >= length:
        raise RangeInvalid(length=length)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) if last else length - 1, length - 1)
