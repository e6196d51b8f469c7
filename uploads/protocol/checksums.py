"""What a client says its bytes amount to: Upload-Checksum of tus, Content-Digest and Repr-Digest of RFC 9530."""

from __future__ import annotations

import base64
import binascii
import re

from uploads.append.part import ALGORITHMS, Claim, Proof
from uploads.errors import ChecksumMismatch, ChecksumUnknown, DigestMismatch, HeaderInvalid

from .headers import Headers
from .structured import parse_byte_dictionary

TUS_ALGORITHMS = ("sha1", "sha256", "crc32")
_DIGEST_NAMES = {"sha-256": "sha256", "sha-512": "sha512"}  # the two of RFC 9530 that are not deprecated
_CHECKSUM = re.compile(r"([^\s,]+) ([A-Za-z0-9+/]+={0,2})")


def proof_of(headers: Headers) -> Proof | None:
    """Return what this request's body must match, or None when nothing was announced.

    Raises:
        ChecksumUnknown: Upload-Checksum names an algorithm we do not have (tus: 400).
        HeaderInvalid: it is malformed.
    """
    claims = [*_checksum(headers), *digests_of(headers.text("Content-Digest"))]
    return Proof(claims) if claims else None


def digests_of(field: str) -> list[Claim]:
    """Return the digests of a Content-Digest or Repr-Digest that we can compute; a malformed field counts as none."""
    return [
        Claim(_DIGEST_NAMES[name], value, DigestMismatch)
        for name, value in parse_byte_dictionary(field).items()
        if name in _DIGEST_NAMES and len(value) == len(ALGORITHMS[_DIGEST_NAMES[name]]().digest())
    ]


def _checksum(headers: Headers) -> list[Claim]:
    given = headers.get("Upload-Checksum")
    if given is None:
        return []
    match = _CHECKSUM.fullmatch(given)
    if match is None:
        raise HeaderInvalid(header="Upload-Checksum")
    if match[1] not in TUS_ALGORITHMS:
        raise ChecksumUnknown(known=", ".join(TUS_ALGORITHMS))
    try:
        value = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise HeaderInvalid(header="Upload-Checksum") from None
    if len(value) != len(ALGORITHMS[match[1]]().digest()):
        raise HeaderInvalid(header="Upload-Checksum")
    return [Claim(match[1], value, ChecksumMismatch)]
