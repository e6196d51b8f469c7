"""One file from parts that were sent side by side (tus concatenation).

The parts stay as they are until their time is over: a part may be used twice. A joined upload is `creating` until its bytes are durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Least, Now
from django.utils import timezone

from resilience.faults import point
from resilience.tasks import enqueue
from resilience.transactions import retried
from uploads.errors import ContinuedElsewhere, PartsUnfinished, PartsUnusable, ScopeMissing, StorageFailed, StorageFull, UploadBusy, UploadNotFound
from uploads.integrity.record import carry_over
from uploads.models import SessionState, UploadRole, UploadSession
from uploads.services.abort import mark_corrupt
from uploads.services.commit import hand_over
from uploads.services.tokens import resolve
from uploads.store import StoreBusy, StoreMissing, WriteFailed, store
from uploads.threads import give_connection_back

log = structlog.get_logger(__name__)

AT_ONCE_BYTES = 64 * 2**20  # joined within the request; what is larger is left to a worker
TAKE_OVER_SECONDS = 30  # after which a worker does what a request began
KEPT_SECONDS = 3600  # parts stay this long after they were used
RETRY_SECONDS = 30
_ADDRESS = "/files/"


def usable_parts(owner: User, addresses: Sequence[str]) -> list[UploadSession]:
    """Return the parts behind these addresses, in their order. Each address is the authority over its part, and the owner must be the same.

    Raises:
        PartsUnusable: one of them is unknown, expired, no part, or somebody else's.
        PartsUnfinished: one of them has not arrived whole.
    """
    parts = [_part(owner, address) for address in addresses]
    if any(part.state != SessionState.RECEIVED for part in parts):
        raise PartsUnfinished
    return parts


def _part(owner: User, address: str) -> UploadSession:
    path = urlsplit(address).path
    if not path.startswith(_ADDRESS):
        raise PartsUnusable
    try:
        authority = resolve(path.removeprefix(_ADDRESS), "append")
    except (UploadNotFound, ContinuedElsewhere, ScopeMissing):
        raise PartsUnusable from None
    part = authority.session
    open_or_whole = part.state in (SessionState.CREATING, SessionState.RECEIVING, SessionState.RECEIVED)
    if authority.expired or not open_or_whole or part.role != UploadRole.PART or part.owner_id != owner.pk:
        raise PartsUnusable
    return part


def hold_parts(session: UploadSession) -> None:
    """Keep the parts of a new joined upload from ending before it is made, and put the joining down. Inside its creation's transaction.

    Raises:
        PartsUnusable: one of them ended since it was looked at.
    """
    wanted = set(session.parts)
    held = UploadSession.objects.select_for_update().filter(pk__in=wanted, state=SessionState.RECEIVED).order_by("pk")
    if {part.pk for part in held} != wanted:
        raise PartsUnusable
    UploadSession.objects.filter(pk__in=wanted).update(expires_at=Now() + timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS))
    later = timezone.now() + timedelta(seconds=TAKE_OVER_SECONDS) if joined_at_once(session) else None
    enqueue("uploads.join", key=session.public_id, payload={"session_id": session.public_id}, run_at=later)


def joined_at_once(session: UploadSession) -> bool:
    return (session.length or 0) <= AT_ONCE_BYTES


def join_parts(public_id: str, *, stopped: Callable[[], bool] = lambda: False) -> None:
    """Make a joined upload's bytes of its parts, then hand it over.

    1. Copy the parts into its own bytes, from the first byte on, and make them durable. 2. `received`, by compare-and-set. Dying anywhere
    leaves it `creating`, and the next run begins again; of two runs at once one finds the bytes taken.

    Raises:
        UploadBusy: another run is at it.
        StorageFull, StorageFailed: not now.
    """
    session = UploadSession.objects.filter(public_id=public_id, role=UploadRole.JOINED, state=SessionState.CREATING).first()
    if session is None:
        return
    parts = UploadSession.objects.in_bulk(set(session.parts))
    keys = [parts[pk].storage_key for pk in session.parts if pk in parts]
    give_connection_back()
    try:
        store().create(session.storage_key)
        size = store().concatenate(keys, session.storage_key)
        point("uploads.join.copied")
    except StoreBusy:
        raise UploadBusy(retry_after=RETRY_SECONDS) from None
    except StoreMissing:
        size = -1
    except WriteFailed as failure:
        raise (StorageFull if failure.full else StorageFailed)(retry_after=RETRY_SECONDS) from failure
    if stopped():
        return
    if size != session.length:
        log.error("upload.parts_lost", upload=public_id, expected=session.length, found=size)
        mark_corrupt(session)
        return
    if not _received(session):
        store().delete(session.storage_key)  # canceled meanwhile; what was copied after that is nobody's


def _received(session: UploadSession) -> bool:
    """Return False when the upload ended meanwhile; True also when another run was first."""
    if _receive_row(session):
        return True
    session.refresh_from_db()
    return session.state in (SessionState.RECEIVED, SessionState.ACCEPTED)


@retried(joins=True)
def _receive_row(session: UploadSession) -> bool:
    making = UploadSession.objects.filter(pk=session.pk, state=SessionState.CREATING)
    if not making.update(state=SessionState.RECEIVED, committed=session.length, received_at=Now(), updated_at=Now()):
        return False
    parts = UploadSession.objects.in_bulk(set(session.parts))
    carry_over(session, [parts[pk] for pk in session.parts])
    hand_over(session)
    kept = Now() + timedelta(seconds=KEPT_SECONDS)
    UploadSession.objects.filter(pk__in=set(session.parts)).update(expires_at=Least("expires_at", kept))
    point("uploads.join.received")
    return True


def give_up_joining(public_id: str) -> None:
    """The parts could not be put together: our fault. Called inside the transaction that buries the task."""
    session = UploadSession.objects.filter(public_id=public_id, role=UploadRole.JOINED, state=SessionState.CREATING).first()
    if session is not None:
        mark_corrupt(session)
