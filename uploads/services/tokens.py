"""Resume tokens: 256 random bits, shown once, stored as SHA-256, checked on every verb. One is live for each upload."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Max
from django.db.models.functions import Coalesce, Least, Now

from resilience.errors import AppError
from resilience.statements import fetch
from resilience.transactions import retried
from uploads.errors import ContinuedElsewhere, ScopeMissing, UploadNotFound
from uploads.models import ResumeToken, UploadSession
from uploads.services.lease import ask_to_stop
from uploads.services.rows import session_columns, session_of
from uploads.together import Call, together

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


@retried(joins=True)
def issue_token(session: UploadSession, *, scopes: tuple[str, ...] = SCOPES, lifetime: timedelta | None = None) -> str:
    """Return a fresh secret for a session; every older one stops working, and whoever writes under one is asked to save and stop.

    Args:
        lifetime: it ends after so long, however much it is used; None gives the longest life.
    """
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


@retried(joins=True)
def revoke_tokens(session: UploadSession) -> None:
    """End every address of an upload, also for whoever was told that it goes on elsewhere. The upload itself stays, for a new token."""
    UploadSession.objects.select_for_update().get(pk=session.pk)
    ResumeToken.objects.filter(session=session).update(revoked_at=Coalesce("revoked_at", Now()), superseded=False)
    ask_to_stop(session.pk)


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def lives() -> tuple[timedelta, timedelta]:
    """Return how long a token lives unused, and at most."""
    return _sliding_life(), _longest_life()


def _longest_life() -> timedelta:
    return _sliding_life() * _ABSOLUTE_LIVES


_RESOLVE = f"""
SELECT t.token_hash, t.id, t.scopes, t.expires_at, t.absolute_expires_at, t.revoked_at, t.superseded, statement_timestamp(), {session_columns("s")}
  FROM uploads_resumetoken t JOIN uploads_uploadsession s ON s.id = t.session_id
 WHERE t.token_hash = ANY(%s)
"""  # noqa: S608 - the names of our own columns


@dataclass(frozen=True, slots=True)
class _Token:
    pk: int
    scopes: str  # JSON
    expires_at: datetime
    absolute_expires_at: datetime
    revoked_at: datetime | None
    superseded: bool
    asked_at: datetime  # by the database's clock

    def refusal(self, session: UploadSession, scope: str, public_id: str) -> AppError | None:
        if (public_id and session.public_id != public_id) or min(self.expires_at, self.absolute_expires_at) <= self.asked_at:
            return UploadNotFound()
        if self.revoked_at is not None:
            return ContinuedElsewhere() if self.superseded else UploadNotFound()
        if scope != ANY_SCOPE and scope not in json.loads(self.scopes):
            return ScopeMissing(wanted=_ALLOWS[scope])
        return None

    def slide_due(self) -> bool:
        return min(self.asked_at + _sliding_life(), self.absolute_expires_at) - self.expires_at > _SLIDE_STEP


def _resolve_many(calls: Sequence[Call]) -> list[Any]:
    secrets_given = [call.args[0] if _SECRET.fullmatch(call.args[0]) else "" for call in calls]
    hashes = [hash_secret(secret) if secret else "" for secret in secrets_given]
    found = {row[0]: row for row in fetch(_RESOLVE, [known for known in hashes if known])} if any(hashes) else {}
    answers = [_opened(found.get(known), call.args[1], **call.kwargs) for known, call in zip(hashes, calls, strict=True)]
    _slide({token.pk for token, answer in answers if token is not None and isinstance(answer, Authority) and token.slide_due()})
    return [answer for _token, answer in answers]


def _opened(row: tuple[Any, ...] | None, scope: str, *, public_id: str = "") -> tuple[_Token | None, Authority | Exception]:
    if row is None:
        return None, UploadNotFound()
    token, session = _Token(*row[1:8]), session_of(row[8:])
    refusal = token.refusal(session, scope, public_id)
    if refusal is not None:
        return token, refusal
    return token, Authority(session=session, expired=session.expires_at <= token.asked_at)


@together(_resolve_many)
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
    answer = _resolve_many([Call((secret, scope), {"public_id": public_id}, "")])[0]
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]


def _sliding_life() -> timedelta:
    return timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)


def _slide(tokens: Iterable[int]) -> None:
    if tokens:
        slid = Least(Now() + _sliding_life(), F("absolute_expires_at"))
        ResumeToken.objects.filter(pk__in=tokens, revoked_at=None).update(expires_at=slid)
