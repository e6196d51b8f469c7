"""The one place where an offset moves. Called only after the bytes are durable; only after it returns may they be acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from resilience.tasks import enqueue
from uploads.integrity.chain import Segment
from uploads.integrity.record import move_and_record
from uploads.models import SessionState, UploadRole, UploadSession, VideoState
from uploads.services.lease import LEASE_SECONDS, Lease
from uploads.services.videos import set_video_state
from uploads.store import Placed


class Fenced(Exception):
    """Another writer took over, or the session ended: nothing was committed and nothing may be acknowledged."""


def commit_offset(
    lease: Lease,
    *,
    old: int,
    new: int,
    last: bool,
    interrupted: bool = False,
    segment: Segment | None = None,
    completes: bool | None = None,
    placed: Placed | None = None,
) -> None:
    """Move the committed offset by compare-and-set; on the last byte of the file, hand it over to inspection in the same transaction.

    Safe to call again with the same arguments when the answer of the first call was lost.

    Args:
        old, new: offsets in bytes; the bytes up to `new` are durable.
        last: True when the writer ends with this commit and gives its lease back.
        interrupted: True when the request ended before its body did; counted as a resume to come.
        segment: digest and chain of the bytes from `old` to `new`, written with the offset; None when they did not come through us.
        completes: True when the file ends at `new`; None lets the length alone say so.
        placed: where the store has put the bytes, written in the same transaction; None where a file holds them all.

    Raises:
        Fenced: the lease is no longer ours.
    """
    if lease.length is not None and new == lease.length and completes is not False:
        return commit_all(lease, old=old, new=new, segment=segment, placed=placed)
    values: dict[str, Any] = {"committed": new, "updated_at": Now(), "expires_at": Now() + timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)}
    if last:
        values |= {"lease_owner": "", "lease_expires_at": None, "resumes": F("resumes") + int(interrupted)}
    else:
        values |= {"lease_expires_at": Now() + timedelta(seconds=LEASE_SECONDS)}
    ours = UploadSession.objects.filter(pk=lease.session_id, epoch=lease.epoch, state=SessionState.RECEIVING)
    if not _move(ours.filter(committed=old), values, segment, placed) and not ours.filter(committed=new).exists():
        raise Fenced
    return None


def commit_all(lease: Lease, *, old: int, new: int, segment: Segment | None = None, placed: Placed | None = None) -> None:
    """Set the session `received`, its video `checking`, and put the inspection down: all or nothing."""
    with transaction.atomic():
        mine = UploadSession.objects.filter(pk=lease.session_id, epoch=lease.epoch)
        values = {"state": SessionState.RECEIVED, "committed": new, "received_at": Now(), "updated_at": Now(), "lease_owner": "", "lease_expires_at": None}
        if _move(mine.filter(state=SessionState.RECEIVING, committed=old), values, segment, placed):
            hand_over(mine.get())
        elif not mine.filter(committed=new).exclude(state=SessionState.RECEIVING).exists():
            raise Fenced


def _move(rows: QuerySet[UploadSession], values: dict[str, Any], segment: Segment | None, placed: Placed | None) -> bool:
    if placed is None:
        return _move_row(rows, values, segment)
    with transaction.atomic():
        moved = _move_row(rows, values, segment)
        if moved:
            placed.write()
    return moved


def _move_row(rows: QuerySet[UploadSession], values: dict[str, Any], segment: Segment | None) -> bool:
    return bool(rows.update(**values)) if segment is None else move_and_record(rows, values, segment)


def hand_over(session: UploadSession) -> None:
    """Put the inspection down, inside the transaction that made the session `received`. A part of a file waits for the other parts instead."""
    if session.role == UploadRole.PART:
        return
    enqueue("uploads.inspect", key=session.public_id, payload={"session_id": session.public_id})
    # Last: telling takes the owner's lock until the commit, and other uploads of theirs wait for it.
    set_video_state(session.video_id, VideoState.CHECKING, only_from=[VideoState.RECEIVING])
