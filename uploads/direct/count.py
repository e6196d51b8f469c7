"""How much of a direct upload has arrived. S3's list of parts is the only witness; rows and offset follow it, never the client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from resilience.faults import point
from resilience.transactions import retried
from uploads.admission import human_size
from uploads.errors import DirectClosed, PartsMissing, PartsUnequal, TooLarge, UploadBusy, UploadCorrupt
from uploads.models import COMPLETE_SESSION_STATES, SessionState, UploadSession
from uploads.services.abort import abort_upload, mark_corrupt
from uploads.services.commit import Fenced, commit_offset
from uploads.services.lease import Lease, release_lease, take_lease
from uploads.store.s3.models import RemoteFile, UploadPart

from . import bucket
from .models import DirectUpload
from .parts import Arrived, Part, UnequalParts, changed, contiguous, counted, require_whole
from .sign import require_receiving

log = structlog.get_logger(__name__)

_TRIES = 3  # each is fenced only by somebody else who did the same meanwhile


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at S3, under a lease: what it lists, and how much of it makes up the file's beginning."""

    lease: Lease
    listed: tuple[Part, ...]
    arrived: Arrived


_Act = Callable[[_Look], None]


def count_parts(session: UploadSession) -> UploadSession:
    """Bring the committed offset up to what S3 has without a gap, and return the session as it then is.

    1. Take the lease. 2. Ask S3. 3. Rows and offset in one transaction, if the lease is still ours; with the last byte the session is
    `received` and its inspection put down. Nothing happens to a session whose parts the server writes.

    Raises:
        UploadCorrupt: S3 has less, or something else, than was told before.
        PartsUnequal: no offset can be told. UploadBusy: others keep getting in between.
    """
    return _retried(session, lambda look: _commit(session, look, counted(look.arrived, length=look.lease.length)))


def finish(session: UploadSession, *, claimed: int = 0) -> UploadSession:
    """The client says that it is done: look whether S3 has the whole file, and hand it over. Doing it again is answered as before.

    Args:
        claimed: how many parts the client says it sent; it can only show that some are missing.

    Raises:
        As `count_parts`, and
        PartsMissing: S3 does not have them all; what is there counts.
        TooLarge: the file, whose size nobody said before, is larger than we take; it is removed.
        DirectClosed: the server writes this upload's parts.
        The errors of `why_ended`.
    """
    if session.state in COMPLETE_SESSION_STATES:
        return session
    _require_direct(session)
    return _retried(session, lambda look: _finish(session, look, claimed))


def parts_listed(session: UploadSession) -> list[Part]:
    """Return what S3 has of an upload that still receives, for a client that goes on. What is counted is another question (`count_parts`).

    Raises:
        The errors of `why_ended`, UploadComplete; DirectClosed; StorageAway.
    """
    _require_direct(session)
    upload_id = RemoteFile.objects.values_list("upload_id", flat=True).get(session=session)
    try:
        return bucket.listed(session, upload_id) if upload_id else []
    except bucket.MultipartMissing:
        raise _lost(session) from None


@retried(joins=True)
def close_direct(session: UploadSession) -> None:
    """The server goes on with this upload: no address for a part is given out from now on."""
    direct = DirectUpload.objects.select_for_update().filter(session=session, closed_at=None)
    if direct.update(closed_at=Now()):
        log.info("upload.direct_closed", upload=session.public_id)


def is_open(session: UploadSession) -> bool:
    """True while parts of this session may still be sent straight to S3."""
    if settings.UPLOAD_STORE != "s3" or session.state != SessionState.RECEIVING:
        return False
    return DirectUpload.objects.filter(session=session, closed_at=None).exists()


def _require_direct(session: UploadSession) -> None:
    require_receiving(session)
    if not is_open(session):
        raise DirectClosed


def _retried(session: UploadSession, act: _Act) -> UploadSession:
    for _ in range(_TRIES):
        try:
            _once(session, act)
        except Fenced:
            continue
        session.refresh_from_db()
        return session
    raise UploadBusy(retry_after=1)


def _once(session: UploadSession, act: _Act) -> None:
    lease = take_lease(session.pk)
    if lease is None:
        return
    try:
        direct = DirectUpload.objects.filter(session=session, closed_at=None).first()
        if direct is not None:
            act(_look(session, direct, lease))
    except UnequalParts as odd:
        raise PartsUnequal(number=odd.number, size=odd.size, expected=odd.expected) from odd
    finally:
        release_lease(lease)


def _look(session: UploadSession, direct: DirectUpload, lease: Lease) -> _Look:
    """Ask S3, and compare with what was counted before."""
    remote = RemoteFile.objects.get(session=session)
    try:
        listed = bucket.listed(session, remote.upload_id) if remote.upload_id else []
    except bucket.MultipartMissing:
        raise _lost(session) from None
    point("uploads.direct.listed")
    gone = changed(_recorded(session), listed)
    if gone is not None:
        raise _lost(session)
    return _Look(lease=lease, listed=tuple(listed), arrived=contiguous(listed, part_size=direct.part_size))


def _recorded(session: UploadSession) -> list[Part]:
    rows = UploadPart.objects.filter(session=session).order_by("number")
    return [Part(number=row.number, size=row.size, etag=row.etag) for row in rows]


def _lost(session: UploadSession) -> UploadCorrupt:
    if mark_corrupt(session):
        log.error("upload.corrupt", upload=session.public_id, committed=session.committed)
    return UploadCorrupt()


def _finish(session: UploadSession, look: _Look, claimed: int) -> None:
    arrived, lease = look.arrived, look.lease
    require_whole(arrived, length=lease.length)
    whole = bool(arrived.parts) and len(arrived.parts) >= max(claimed, len(look.listed)) and lease.length in (None, arrived.size)
    if not whole:
        known = counted(arrived, length=lease.length)
        _commit(session, look, known)
        raise PartsMissing(offset=known.size, number=len(known.parts) + 1)
    if lease.length is None and arrived.size > settings.UPLOAD_MAX_SIZE:
        abort_upload(session)
        size, limit = arrived.size, settings.UPLOAD_MAX_SIZE
        raise TooLarge(size=size, limit=limit, size_text=human_size(size), limit_text=human_size(limit))
    _commit(session, look, arrived, length=arrived.size)


def _commit(session: UploadSession, look: _Look, known: Arrived, *, length: int | None = None) -> None:
    """Write rows and offset, all or nothing.

    Args:
        length: bytes of the whole file, where they are known only now.

    Raises:
        Fenced: somebody else has the lease.
    """
    lease = look.lease
    if known.size < lease.committed:
        raise _lost(session)
    if known.size == lease.committed and length is None:
        return
    with transaction.atomic():
        if lease.length is None and length is not None:
            ours = UploadSession.objects.filter(pk=session.pk, epoch=lease.epoch, state=SessionState.RECEIVING, length=None)
            if not ours.update(length=length):
                raise Fenced
            lease = replace(lease, length=length)
        commit_offset(lease, old=lease.committed, new=known.size, last=True)
        _record(session, known.parts)
        point("uploads.direct.recorded")
        if known.part_size:
            DirectUpload.objects.filter(session=session, part_size=0).update(part_size=known.part_size)
            RemoteFile.objects.filter(session=session).update(part_size=known.part_size, updated_at=Now())


def _record(session: UploadSession, parts: Sequence[Part]) -> None:
    have = set(UploadPart.objects.filter(session=session).values_list("number", flat=True))
    offset, rows = 0, []
    for part in parts:
        if part.number not in have:
            rows.append(UploadPart(session=session, number=part.number, offset=offset, size=part.size, etag=part.etag))
        offset += part.size
    UploadPart.objects.bulk_create(rows)
