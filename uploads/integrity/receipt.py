"""Signed receipts: what arrived, how large, with which digest, when. Anybody can check one with the public key (docs/receipts.md).

Ed25519, so that checking needs nothing secret. The key is derived from SECRET_KEY: every web server has the same one without a further
setting, and the same receipt is signed the same way each time. After SECRET_KEY changes, the keys of SECRET_KEY_FALLBACKS stay downloadable.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils.encoding import force_bytes

from resilience.errors import CATALOGUE
from uploads.errors import ReceiptNotReady, UploadRefused
from uploads.models import SessionState, UploadSession
from uploads.services.ended import why_ended

_PURPOSE = b"holdfast receipts 1"
_FORM = """\
Holdfast receipt 1
upload: {upload}
video: {video}
size: {size}
sha256: {sha256}
received: {received:%Y-%m-%dT%H:%M:%SZ}
key: {key}
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`signed`: the exact text the signature is over (UTF-8, ends with a line feed). `signature`: base64."""

    upload: str
    video: str
    size: int
    sha256: str
    received_at: datetime
    key: str
    signed: str
    signature: str


def receipt_of(session: UploadSession) -> Receipt:
    """Sign a receipt for a file that arrived whole, was compared with what was received, and is kept.

    Raises:
        ReceiptNotReady: it was not looked at yet.
        UploadRefused and the errors of `why_ended`: it is not kept.
    """
    if session.state == SessionState.REJECTED:
        raise UploadRefused(reason=CATALOGUE.get(session.error_code).sentence(session.error_fields))
    if session.state != SessionState.ACCEPTED or not session.sha256 or session.received_at is None:
        raise why_ended(session) or ReceiptNotReady()
    private = _private_key(settings.SECRET_KEY)
    key, received, video = key_id(private.public_key()), session.received_at.astimezone(UTC).replace(microsecond=0), session.its_video.public_id
    size = session.length or 0
    text = _FORM.format(upload=session.public_id, video=video, size=size, sha256=session.sha256, received=received, key=key)
    signature = base64.b64encode(private.sign(text.encode())).decode()
    return Receipt(session.public_id, video, size, session.sha256, received, key, text, signature)


def key_id(public: Ed25519PublicKey) -> str:
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"rck_{hashlib.sha256(raw).hexdigest()[:20]}"


def public_key_pem(key: str) -> bytes | None:
    """Return the public key with this id, of today's or an earlier SECRET_KEY; None when there is none."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        public = _private_key(secret).public_key()
        if key_id(public) == key:
            return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return None


def _private_key(secret: str | bytes) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(secret))
    return Ed25519PrivateKey.from_private_bytes(seed)
