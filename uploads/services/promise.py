"""The digest a client promised for its whole file (Repr-Digest), compared with what arrived."""

from __future__ import annotations

import hashlib
from pathlib import Path

from resilience.errors import AppError
from uploads.append.part import Claim, Proof
from uploads.errors import FileDiffers
from uploads.models import UploadSession
from uploads.protocol.checksums import digests_of


def promise_of(session: UploadSession) -> Proof | None:
    """Return what all bytes of a file must amount to; None when nothing was promised."""
    claims = [Claim(claim.algorithm, claim.expected, FileDiffers) for claim in digests_of(session.promised_digest)]
    return Proof(claims) if claims else None


def broken_promise(session: UploadSession, path: Path, *, sha256: str) -> AppError | None:
    """Return the error for a file that is not the one promised, or None.

    Args:
        path: all of it, on this host.
        sha256: of all of it, hexadecimal, so that it need not be read again for that.
    """
    for claim in digests_of(session.promised_digest):
        if claim.algorithm == "sha256":
            found = bytes.fromhex(sha256)
        else:
            with path.open("rb") as source:
                found = hashlib.file_digest(source, claim.algorithm).digest()
        if found != claim.expected:
            return FileDiffers(algorithm=claim.algorithm)
    return None
