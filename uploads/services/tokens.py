"""Resume tokens: 256 random bits, shown once, stored as SHA-256, checked on every verb. One is live for each upload."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce, Least, Now

from uploads.errors import ContinuedElsewhere, ScopeMissing, UploadNotFound
from uploads.models import ResumeToken, UploadSession
from uploads.services.lease import ask_to_stop

SCOPES = ("append", "status", "cancel")
ANY_SCOPE = ""
_ALLOWS = {"append": "send more of the file", "status": "ask how far it is", "cancel": "cancel it"}
_SECRET = re.compile(r"upt_[A-Za-z0-9_-]{43}")
_ABSOLUTE_LIVES = 4  # however often it is used, a token ends after this many times its sliding life
_SLIDE_STEP = timedelta(minutes=15)  # not every request needs a write


@dataclass(frozen=True, slots=True)
class Authority:
    """What a valid token opens: the session as it is now, and whether its time is over (by the database's clock)."""

    session: UploadSession
    expired: bool


def issue_token(session: UploadSession, *, scopes: tuple[str, ...] = SCOPES, lifetime: timedelta | None = None) -> str:
    """Return a fresh secret for a session; every older one stops working, and whoever writes under one is asked to save and stop.

    Args:
        lifetime: it ends after so long, however much it is used; None gives the longest life.
    """
    with transaction.atomic():
        UploadSession.objects.select_for_update().get(pk=session.pk)  # generations in order, one at a time
        tokens = ResumeToken.objects.filter(session=session)
        newest = tokens.aggregate(newest=Max("generation"))["newest"] or 0
        tokens.filter(revoked_at=None).update(revoked_at=Now(), superseded=True)
        if newest:
            ask_to_stop(session.pk)
        return add_token(session, generation=newest + 1, scopes=scopes, lifetime=lifetime)


def add_token(session: UploadSession, *, generation: int = 1, scopes: tuple[str, ...] = SCOPES, lifetime: timedelta | None = None) -> str:
    """Insert a token inside the caller's transaction and return its secret."""
    secret = f"upt_{secrets.token_urlsafe(32)}"
    longest = _longest_life()
    life = min(lifetime or longest, longest)
    ResumeToken.objects.create(
        session=session,
        token_hash=hash_secret(secret),
        scopes=list(scopes),
        generation=generation,
        expires_at=Now() + min(life, _sliding_life()),
        absolute_expires_at=Now() + life,
    )
    return secret


def revoke_tokens(session: UploadSession) -> None:
    """End every address of an upload, also for whoever was told that it goes on elsewhere. The upload itself stays, for a new token."""
    with transaction.atomic():
        UploadSession.objects.select_for_update().get(pk=session.pk)
        ResumeToken.objects.filter(session=session).update(revoked_at=Coalesce("revoked_at", Now()), superseded=False)
        ask_to_stop(session.pk)


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _longest_life() -> timedelta:
    return _sliding_life() * _ABSOLUTE_LIVES


def resolve(secret: str, scope: str, *, public_id: str = "") -> Authority:
    """Return what a secret opens, and let its life slide.

    One query by the secret's hash answers, whatever is wrong: neither words nor time tell an unknown upload from a wrong token.

    Args:
        scope: append, status or cancel; `ANY_SCOPE` asks only whose secret it is.
        public_id: the session it must belong to, when the address names one.

    Raises:
        UploadNotFound: unknown, revoked or expired secret, other session: all the same.
        ContinuedElsewhere: the secret was right until a newer one was issued.
        ScopeMissing: the secret is right, and was made for less.
    """
    if _SECRET.fullmatch(secret) is None:
        raise UploadNotFound
    token = ResumeToken.objects.filter(token_hash=hash_secret(secret)).select_related("session").annotate(asked_at=Now()).first()
    if token is None or (public_id and token.session.public_id != public_id):
        raise UploadNotFound
    if min(token.expires_at, token.absolute_expires_at) <= token.asked_at:
        raise UploadNotFound
    if token.revoked_at is not None:
        raise ContinuedElsewhere if token.superseded else UploadNotFound
    if scope != ANY_SCOPE and scope not in token.scopes:
        raise ScopeMissing(wanted=_ALLOWS[scope])
    _slide(token, token.asked_at)
    return Authority(session=token.session, expired=token.session.expires_at <= token.asked_at)


def _sliding_life() -> timedelta:
    return timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)


def _slide(token: ResumeToken, now: datetime) -> None:
    """Args: now: the database's clock."""
    if min(now + _sliding_life(), token.absolute_expires_at) - token.expires_at > _SLIDE_STEP:
        slid = Least(Now() + _sliding_life(), F("absolute_expires_at"))
        ResumeToken.objects.filter(pk=token.pk, revoked_at=None).update(expires_at=slid)
