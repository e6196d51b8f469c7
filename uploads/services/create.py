"""A new upload: rows first, then the file, both durable before anybody hears of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.statements import fetch
from resilience.transactions import retried
from uploads.admission import require_acceptable, require_room
from uploads.attachments.holders import Attaching
from uploads.attachments.policy import require_attachable
from uploads.attachments.room import reserve_attachment
from uploads.errors import KeyReused, StorageFailed, StorageFull, UploadBusy, UploadExpired, UploadGone, VideoNotWaiting
from uploads.limits.reserve import Tight, reserve
from uploads.models import HOLDING_SESSION_STATES, SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.seal import seal
from uploads.services.clean import clean_file_name, title_of
from uploads.services.commit import hand_over
from uploads.services.parts import hold_parts, join_parts, joined_at_once
from uploads.services.tokens import add_token, issue_token
from uploads.services.undo import undo_creation
from uploads.services.videos import set_video_state
from uploads.signals import video_changed
from uploads.store import WriteFailed, store

log = structlog.get_logger(__name__)

REPLACEABLE = (VideoState.NEEDS_NEW_FILE, VideoState.FAILED)
STORAGE_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Created:
    """A session ready to receive, and the secret of its token, which is told once."""

    session: UploadSession
    secret: str


def create_upload(
    *,
    owner: User,
    length: int | None,
    file_name: str,
    declared_type: str,
    fingerprint: str = "",
    metadata: str = "",
    idempotency_key: str = "",
    video: Video | None = None,
    role: UploadRole = UploadRole.WHOLE,
    parts: Sequence[UploadSession] = (),
    concat: str = "",
    protocol: str = "tus",
    promised_digest: str = "",
    attaching: Attaching | None = None,
) -> Created:
    """Make video, session, token and file.

    1. Refuse what can be refused before a byte is sent. 2. Insert the rows (`creating`). 3. Make the file durable. 4. `receiving`.
    A crash after 2 leaves a row that expires; the same idempotency key continues from there. A store that refuses leaves nothing.

    Args:
        length: bytes of the whole file; None while the client does not know (then the limits count what arrives).
        metadata: Upload-Metadata exactly as given.
        idempotency_key: the same key of the same owner returns the same session with a fresh token.
        video: its owner's video that waits for a new file; None makes a new one. A part of a file has none.
        role, parts, concat: for files sent in parts: what this one is, what it is made of, and Upload-Concat as given.
        promised_digest: Repr-Digest of the whole file.
        attaching: what a file with the role `attached` is for; it has no video, and a policy of its own.

    Raises:
        TooLarge, FileEmpty, TypeRefused: the file cannot be taken.
        StorageFull, StorageFailed: not now.
        QuotaReached, DailyReached, TooManyOpen, ServiceFull, ServiceDailyReached, ServiceBusy: a limit is reached.
        KeyReused: the key stands for another file.
        VideoNotWaiting: the video needs no new file, or has another upload going on.
        UploadGone, UploadExpired: the key's upload is over. UploadBusy: it is just being taken back.
        PartsUnusable: a part ended at this moment.
        The errors of `require_attachable`, `reserve_attachment` and the holder: an attachment that is not taken.
    """
    name = clean_file_name(file_name)
    known = _of_key(owner, idempotency_key)
    if known is None:
        if attaching is None:
            require_acceptable(length=length, file_name=name, declared_type=declared_type)
        else:
            attaching.holder.require(owner, attaching.about)
            require_attachable(length=length, file_name=name, declared_type=declared_type, role=role)
        require_room(length or 0)
        fresh = UploadSession(
            owner=owner, length=length, file_name=name, declared_type=declared_type[:100], fingerprint=fingerprint[:200], metadata=metadata,
            idempotency_key=idempotency_key, request_id=current_request_id(), role=role, parts=[part.pk for part in parts],
            concat=seal(concat) if concat else "", protocol=protocol, promised_digest=promised_digest,
        )  # fmt: skip
        try:
            return _open(*_insert(fresh, video, attaching))
        except IntegrityError:
            known = _of_key(owner, idempotency_key)
            if known is None:
                raise VideoNotWaiting from None  # the other unique rule: one open upload per video
    return _again(known, length=length, metadata=metadata)


def _insert(session: UploadSession, video: Video | None, attaching: Attaching | None) -> tuple[UploadSession, str]:
    """Insert the rows, which reserve the room; near a limit one creation at a time."""
    try:
        return _insert_rows(session, video, attaching, alone=False)
    except Tight:
        return _insert_rows(session, video, attaching, alone=True)


@retried(joins=True)
def _insert_rows(session: UploadSession, video: Video | None, attaching: Attaching | None, *, alone: bool) -> tuple[UploadSession, str]:
    if session.role == UploadRole.JOINED:
        hold_parts(session)  # whose reservations stand for these bytes
    elif attaching is not None:
        reserve_attachment(session.owner_id, session.length or 0)
    else:
        reserve(session.owner_id, session.length or 0, alone=alone)
    if session.role in (UploadRole.PART, UploadRole.ATTACHED):
        session.video = None
    elif video is None:
        session.video = Video.objects.create(owner=session.owner, title=title_of(session.file_name))
    elif set_video_state(video.pk, VideoState.RECEIVING, only_from=REPLACEABLE):
        session.video = video
    else:
        raise VideoNotWaiting
    session.storage_key = session.public_id
    session.expires_at = Now() + timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)  # type: ignore[assignment]
    session.save(force_insert=True)
    if attaching is not None:
        attaching.holder.hold(session, attaching.about)
    secret = add_token(session)
    if video is None and session.video is not None:
        video_changed.send(sender=Video, video=session.video, before="")  # rows first, news last
    point("uploads.create.inserted")
    return session, secret


def _open(session: UploadSession, secret: str) -> Created:
    """Make the file, then let the session receive. Doing it twice is harmless. A joined one is made of its parts, here if it is small."""
    point("uploads.create.committed")
    if session.role == UploadRole.JOINED:
        return _join(session, secret)
    try:
        store().create(session.storage_key)
    except WriteFailed as failure:
        undo_creation(session, secret=secret)
        kind = StorageFull if failure.full else StorageFailed
        raise kind(retry_after=STORAGE_RETRY_SECONDS) from failure
    if session.length == 0:
        with transaction.atomic():
            creating = UploadSession.objects.filter(pk=session.pk, state=SessionState.CREATING)
            if creating.update(state=SessionState.RECEIVED, received_at=Now(), updated_at=Now()):
                hand_over(session)
        session.refresh_from_db()
    elif not _receive(session):
        session.refresh_from_db()
    return Created(session=session, secret=secret)


# One round trip for the change, its commit and what it made of the row: creations are many, and the files small.
_RECEIVE = """
UPDATE uploads_uploadsession SET state = %s, updated_at = statement_timestamp() WHERE id = %s AND state = %s RETURNING state, expires_at, updated_at
"""


def _receive(session: UploadSession) -> bool:
    """Let a session whose file is there receive. Return False when it was not `creating` any more."""
    rows = fetch(_RECEIVE, SessionState.RECEIVING, session.pk, SessionState.CREATING)
    if not rows:
        return False
    point("uploads.create.receiving")
    session.state, session.expires_at, session.updated_at = rows[0]
    return True


def _join(session: UploadSession, secret: str) -> Created:
    if joined_at_once(session):
        try:
            join_parts(session.public_id)
        except (UploadBusy, StorageFull, StorageFailed) as failure:  # the task that was put down with the rows tries again
            log.warning("upload.join_left_to_a_worker", upload=session.public_id, code=failure.code)
    session.refresh_from_db()
    return Created(session=session, secret=secret)


def _of_key(owner: User, key: str) -> UploadSession | None:
    return UploadSession.objects.filter(owner=owner, idempotency_key=key).first() if key else None


def _again(session: UploadSession, *, length: int | None, metadata: str) -> Created:
    """The answer to a creation that was sent before: its own upload, with a fresh token."""
    known_later = length is None  # it may have become known since
    if (session.length != length and not known_later) or session.metadata != metadata:
        raise KeyReused
    if session.state == SessionState.EXPIRED:
        raise UploadExpired
    if session.state not in HOLDING_SESSION_STATES:
        raise UploadGone
    try:
        secret = issue_token(session)
        session.refresh_from_db()
    except UploadSession.DoesNotExist:
        raise UploadBusy(retry_after=1) from None  # undone this moment: sent once more, it begins anew
    if not session.idempotency_key:
        raise UploadBusy(retry_after=1)  # about to be
    if session.state == SessionState.CREATING:
        return _open(session, secret)
    return Created(session=session, secret=secret)
