"""Look at a file that arrived whole, and accept it or turn it down. Running it twice, or dying in the middle of it, is harmless."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db.models.functions import Now

from resilience.errors import AppError
from resilience.faults import point
from resilience.transactions import retried
from uploads.admission import accepts_anything
from uploads.append.core import SNIFF_BYTES
from uploads.errors import CheckFailed, ChecksDelayed, FileDiffers, FileEmpty, FileUnreadable, StorageFull
from uploads.errors.limits import QuotaReached
from uploads.inspection.boxes import walk_boxes
from uploads.inspection.ebml import walk_elements
from uploads.inspection.magic import container_of, refusal_of_start
from uploads.inspection.probe import Probe, ProbeKilled, probe
from uploads.inspection.ranged import Ranged
from uploads.inspection.verdict import refusal_of_probe, refusal_of_walk
from uploads.integrity.compare import BytesDiffer, verified_digest
from uploads.limits.final import require_kept
from uploads.models import MediaKind, SessionState, UploadSession, VideoState
from uploads.selectors import source_file
from uploads.services.abort import mark_corrupt, refuse
from uploads.services.promise import broken_promise
from uploads.services.videos import set_video_state
from uploads.signals import source_accepted
from uploads.store import StoreMissing, store

log = structlog.get_logger(__name__)

PROBE_TRIES = 3
FULL_RETRY_SECONDS = 60
_WALKS = {"mp4": walk_boxes, "matroska": walk_elements}


class Interrupted(Exception):
    """This run lost its lease: whoever has it now does the work."""


def inspect_upload(public_id: str, *, attempt: int, stopped: Callable[[], bool]) -> None:
    """Inspect a received session.

    1. Put together what a remote store holds in parts, and compare its size. 2. First bytes, container walk, by reads of a few bytes.
    3. SHA-256 of all of it. 4. Probe in a child, on this host. 5. One transaction accepts or refuses; it compares the state, so of two runs
    one has no effect.

    Args:
        attempt: 1 on the first run; a probe that was cut off is tried again.
        stopped: True once this run may no longer write.

    Raises:
        ChecksDelayed: the probe was cut off; run again.
    """
    session = UploadSession.objects.filter(public_id=public_id, state=SessionState.RECEIVED).first()
    if session is None:
        return
    try:
        digest, found, error = _look(session, attempt=attempt, stopped=stopped)
    except (StoreMissing, BytesDiffer) as loss:
        if mark_corrupt(session):
            log.error("upload.corrupt", upload=public_id, committed=session.committed, reason=str(loss))
        return
    except Interrupted:
        return  # the task is run again
    point("uploads.inspect.looked")
    if stopped():
        return
    if error is not None and (not accepts_anything() or isinstance(error, FileDiffers)):
        refuse(session, error, sha256=digest)
        log.info("upload.refused", upload=public_id, code=error.code)
        return
    try:
        accept(session, found if error is None else None, sha256=digest)
    except QuotaReached as full:
        refuse(session, full, sha256=digest)


@retried(joins=True)
def accept(session: UploadSession, found: Probe | None, *, sha256: str) -> bool:
    """Accept a file. `found` is None for one that is no media, let in because any content is.

    Returns:
        False when the session was no longer waiting for it.

    Raises:
        QuotaReached: it does not fit beside its owner's other files.
    """
    details = found.details if found else {}
    waiting = UploadSession.objects.filter(pk=session.pk, state=SessionState.RECEIVED)
    if not waiting.update(state=SessionState.ACCEPTED, sha256=sha256, probe=details, updated_at=Now()):
        return False
    require_kept(session)
    session.refresh_from_db()
    if found is None:
        set_video_state(session.video_id, VideoState.READY, only_from=[VideoState.CHECKING])
        return True
    # The state stays `checking` until the room that converts takes it on; what is known of the media is told already.
    set_video_state(session.video_id, VideoState.CHECKING, only_from=[VideoState.CHECKING], **_media_columns(details))
    source_accepted.send(sender=UploadSession, session=session)
    point("uploads.inspect.accepted")
    return True


def give_up(public_id: str) -> None:
    """The inspection could not be done: tell the owner that it is our fault. Called inside the transaction that buries the task."""
    session = UploadSession.objects.filter(public_id=public_id, state=SessionState.RECEIVED).first()
    if session is not None:
        set_video_state(session.video_id, VideoState.FAILED, only_from=[VideoState.CHECKING], error_code=CheckFailed.entry.code)


def _look(session: UploadSession, *, attempt: int, stopped: Callable[[], bool]) -> tuple[str, Probe | None, AppError | None]:
    """Return the SHA-256 of what is stored as hexadecimal, what the file holds, and why it cannot be taken (or None).

    A file that its beginning or its boxes give away is not fetched from S3 for its digest, unless it is kept.

    Raises:
        StoreMissing, BytesDiffer: what is stored is not what arrived. Interrupted: the lease was lost on the way.
        ChecksDelayed: the probe was cut off and has tries left. StorageFull: no room here for a copy.
    """
    place = store()
    place.seal(session.storage_key)
    if place.size(session.storage_key) != session.length:
        raise StoreMissing
    error = refusal_by_reading(session)
    # A disk's bytes are compared with what arrived before their owner hears that the file is at fault; S3 keeps sums of its own.
    if error is not None and not accepts_anything() and settings.UPLOAD_STORE != "disk":
        return "", None, error

    def check() -> None:
        if stopped():
            raise Interrupted

    try:
        with source_file(session, check=check) as path:
            digest = verified_digest(session, path, check)
            point("uploads.inspect.digested")
            error = broken_promise(session, path, sha256=digest) or error
            found, error = (None, error) if error is not None else _probed(session, path, attempt=attempt)
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            raise StorageFull(retry_after=FULL_RETRY_SECONDS) from fault
        raise
    return digest, found, error


def refusal_by_reading(session: UploadSession) -> AppError | None:
    """Return why the first bytes or the boxes of a whole file give it away, by reads of a few bytes; None when they do not."""
    size = session.length or 0
    if size == 0:
        return FileEmpty()
    with Ranged(store().reader(session.storage_key), size=size) as source:
        start = source.read(SNIFF_BYTES)
        error = refusal_of_start(start, name=session.file_name, whole=size <= SNIFF_BYTES)
        if error is None and (walk := _WALKS.get(container_of(start))):
            error = refusal_of_walk(walk(source, size=size))
    return error


def _probed(session: UploadSession, path: Path, *, attempt: int) -> tuple[Probe | None, AppError | None]:
    try:
        found = probe(path)
    except ProbeKilled as killed:
        log.warning("upload.probe_killed", upload=session.public_id, attempt=attempt, reason=str(killed))
        if attempt < PROBE_TRIES:
            raise ChecksDelayed from killed
        return None, FileUnreadable()
    found.details["size"] = session.length or 0
    return found, refusal_of_probe(found, longest=settings.MAX_DURATION_SECONDS)


def _media_columns(details: dict[str, Any]) -> dict[str, Any]:
    """Return the video's columns: width and height as it is watched, after rotation."""
    video = details.get("video")
    columns: dict[str, Any] = {"duration_s": details.get("duration_s"), "media_kind": MediaKind.VIDEO if video else MediaKind.AUDIO}
    if video:
        turned = video.get("rotation") in (90, 270)
        columns |= {"width": video["height" if turned else "width"], "height": video["width" if turned else "height"]}
    return columns
