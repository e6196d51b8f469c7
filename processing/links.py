"""Short-lived addresses of published files: `/media/<name>?token=<when it ends>.<our signature over both>`.

A token opens exactly the one file it was made for until its time is over, whoever sends it: nothing of it is kept, and nothing in it can be
changed. How long which of them lives is decided here (docs/decisions/playback-by-signed-playlists.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

from django.conf import settings
from django.utils.crypto import salted_hmac

PARAMETER = "token"
LONGEST_SECONDS = 7 * 24 * 3600  # what S3 takes for an address of its own
_SALT = "processing.links"
_TOKEN = re.compile(r"([0-9a-f]{1,12})\.([A-Za-z0-9_-]{22})")


def now() -> int:
    """Return the time on this host's clock, in whole seconds since 1970."""
    return int(time.time())


def link_life() -> int:
    """Return how many seconds a link that is handed out works."""
    return int(settings.PLAYBACK_LINK_SECONDS)


def life_at(seconds: float) -> int:
    """Return how many seconds what is needed at a place in a film must work from the moment its playlist is read: pauses are allowed for."""
    return min(LONGEST_SECONDS, link_life() + int(2 * max(0.0, seconds)))


def token_for(name: str, *, expires: int) -> str:
    """Return a token for a file of the rendition store.

    Args:
        expires: when it ends, seconds since 1970.
    """
    return f"{expires:x}.{_mark(name, expires, settings.SECRET_KEY)}"


def expiry_of(name: str, token: str) -> int | None:
    """Return when a token for this very file ends; None if it is not valid, or not any more."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    expires = int(found[1], 16)
    if not now() < expires <= now() + LONGEST_SECONDS:
        return None
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return expires if any(hmac.compare_digest(found[2], _mark(name, expires, key)) for key in keys) else None


def path_to(name: str, *, expires: int) -> str:
    """Return the path at our own server that opens a file until then."""
    return f"/media/{name}?{PARAMETER}={token_for(name, expires=expires)}"


def link_to(name: str) -> str:
    """Return a link to hand out: whoever has it sees the file for a few minutes.

    The same one for a fifth of its life, so that what it stands in has the same ETag for as long.
    """
    step = max(1, link_life() // 5)
    return path_to(name, expires=now() // step * step + link_life())


def _mark(name: str, expires: int, key: str | bytes) -> str:
    digest = hmac.digest(_key(key), f"{expires}\n{name}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _key(secret: str | bytes) -> bytes:
    return salted_hmac(_SALT, "", secret=secret, algorithm="sha256").digest()
