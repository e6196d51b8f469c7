"""Upload-Metadata of tus 1.0: `key base64, key base64, key`."""

from __future__ import annotations

import base64
import binascii
import re

from uploads.errors import MetadataInvalid

_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")  # visible ASCII without space and comma


def parse_metadata(header: str) -> dict[str, bytes]:
    """Return the pairs of a header; an absent or empty header has none.

    Raises:
        MetadataInvalid: a key is empty, used twice or has characters that are not allowed; a value is not base64.
    """
    pairs: dict[str, bytes] = {}
    if not header.strip():
        return pairs
    for element in header.split(","):
        key, _, encoded = element.partition(" ")  # a space in front of the value alone means an empty name
        if not key:
            raise MetadataInvalid(reason="a name is empty")
        if _KEY.fullmatch(key) is None:
            raise MetadataInvalid(reason="a name has characters that are not allowed")
        if key in pairs:
            raise MetadataInvalid(reason="a name is used twice")
        pairs[key] = _decode(encoded.strip())
    return pairs


def text_of(pairs: dict[str, bytes], *names: str) -> str:
    """Return the first of these values that is there, as text; bytes that are not UTF-8 become replacement characters."""
    for name in names:
        if pairs.get(name):
            return pairs[name].decode("utf-8", errors="replace")
    return ""


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise MetadataInvalid(reason="a value is not base64") from None
