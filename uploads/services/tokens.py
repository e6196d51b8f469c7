"""Resume tokens: 256 random bits, shown once, stored as SHA-256, checked on every verb."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Max, Q
from django.db.models.functions import Now
from django.utils import timezone

from uploads.errors import UploadNotFound
from uploads.models import ResumeToken, UploadSession

SCOPES = ("append", "status", "cancel")
_SECRET = re.compile(r"upt_[A-Za-z0-9_-]{43}")
_ABSOLUTE_LIVES = 4  # however often it is used, a token ends after this many times its sliding life
_SLIDE_STEP = timedelta(minutes=15)  # not every request needs a write


@dataclass(frozen=True, slots=True)
class Authority:
    """What a valid token opens: the session as it is now, and whether its time is over (by the database's clock)."""

    session: UploadSession
    expired: bool


def issue_token(session: UploadSession, *, scopes: tuple[str, ...] = SCOPES) -> str:
    """Return a fresh secret for a session; every older one stops working."""
    with transaction.atomic():
        UploadSession.objects.select_for_update().get(pk=session.pk)  # generations in order, one at a time
        tokens = ResumeToken.objects.filter(session=session)
        newest = tokens.aggregate(newest=Max("generation"))["newest"] or 0
        tokens.filter(revoked_at=None).update(revoked_at=Now())
        return add_token(session, generation=newest + 1, scopes=scopes)


def add_token(session: UploadSession, *, generation: int = 1, scopes: tuple[str, ...] = SCOPES) -> str:
    """Insert a token inside the caller's transaction and return its secret."""
    secret = f"upt_{secrets.token_urlsafe(32)}"
    life = timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)
    ResumeToken.objects.create(
        session=session,
        token_hash=hash_secret(secret),
        scopes=list(scopes),
        generation=generation,
        expires_at=Now() + life,
        absolute_expires_at=Now() + life * _ABSOLUTE_LIVES,
    )
    return secret


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def resolve(secret: str, scope: str, *, public_id: str = "") -> Authority:
    """Return what a secret opens, and let its life slide.

    Args:
        scope: append, status or cancel.
        public_id: the session it must belong to, when the address names one.

    Raises:
        UploadNotFound: unknown, revoked or expired secret, missing scope, other session: all the same.
    """
    if _SECRET.fullmatch(secret) is None:
        raise UploadNotFound
    over = ExpressionWrapper(Q(session__expires_at__lte=Now()), output_field=BooleanField())
    token = (
        ResumeToken.objects.filter(token_hash=hash_secret(secret), revoked_at=None, expires_at__gt=Now(), absolute_expires_at__gt=Now())
        .select_related("session")
        .annotate(session_over=over)
        .first()
    )
    if token is None or scope not in token.scopes or (public_id and token.session.public_id != public_id):
        raise UploadNotFound
    _slide(token)
    return Authority(session=token.session, expired=bool(token.session_over))


def _slide(token: ResumeToken) -> None:
    wanted = min(timezone.now() + timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS), token.absolute_expires_at)
    if wanted - token.expires_at > _SLIDE_STEP:
        ResumeToken.objects.filter(pk=token.pk, revoked_at=None).update(expires_at=wanted)
