"""Opaque public ids: `vid_…`, `upl_…`. Primary keys never leave the house."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letters that read like others


def opaque_id(prefix: str) -> str:
    """Return `<prefix>_` and 100 random bits."""
    bits = secrets.randbits(100)
    return f"{prefix}_" + "".join([_ALPHABET[bits >> shift & 31] for shift in range(0, 100, 5)])
