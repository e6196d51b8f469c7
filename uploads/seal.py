"""Text that must be told back as it was given, but may not lie readable in the database: it names secrets.

Sealed with a key of the installation. When that changes, old seals no longer open, and nothing is told.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def seal(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text; empty when there is none, or it was sealed with another key."""
    try:
        return _box().decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken:
        return ""


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"uploads.seal:" + settings.SECRET_KEY.encode()).digest()))
