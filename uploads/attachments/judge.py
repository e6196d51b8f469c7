"""Look at an attachment that arrived whole, and keep it or turn it down. Running it twice, or dying in the middle of it, is harmless."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import structlog
from django.db.models.functions import Now

from resilience.errors import AppError
from resilience.faults import point
from resilience.transactions import retried
from uploads.append.core import SNIFF_BYTES
from uploads.errors import CheckFailed, StorageFull
from uploads.errors.attachments import AttachmentEmpty, AttachmentUnheld, AttachmentUnknown
from uploads.integrity.compare import BytesDiffer, blocks_of_path, verified_digest
from uploads.models import SessionState, UploadRole, UploadSession
from uploads.selectors import source_file
from uploads.services.abort import mark_corrupt, refuse
from uploads.services.promise import broken_promise
from uploads.signals import attachment_changed
from uploads.store import StoreMissing, store

from .holders import kept
from .kinds import is_text, kind_of
from .policy import refusal_of_attachment

log = structlog.get_logger(__name__)

FULL_RETRY_SECONDS = 60


class Interrupted(Exception):
    """This run lost its lease: whoever has it now does the work."""


class Unheld(Exception):
    """Nothing holds the file any more; rolls the acceptance back."""


def judge_attachment(public_id: str, *, stopped: Callable[[], bool]) -> None:
    """Judge a received attachment.

    1. Put together what a remote store holds in parts, and compare its size. 2. All its bytes: are they what arrived, what was promised,
    and a kind we take? 3. One transaction accepts it and ties it to what it was sent for, or refuses it; it compares the state, so of two
    runs one has no effect, and a crash before its commit leaves everything to the next run.
    """
    session = UploadSession.objects.filter(public_id=public_id, role=UploadRole.ATTACHED, state=SessionState.RECEIVED).first()
    if session is None:
        return
    try:
        digest, words, error = _look(session, stopped=stopped)
    except (StoreMissing, BytesDiffer) as loss:
        if mark_corrupt(session):
            log.error("attachment.corrupt", upload=public_id, committed=session.committed, reason=str(loss))
        return
    except Interrupted:
        return  # the task is run again
    point("uploads.judge.looked")
    if stopped():
        return
    if error is None:
        try:
            keep(session, words, sha256=digest)
        except Unheld:
            error = AttachmentUnheld()
    if error is not None and refuse(session, error, sha256=digest):
        log.info("attachment.refused", upload=public_id, code=error.code)


@retried(joins=True)
def keep(session: UploadSession, words: str, *, sha256: str) -> bool:
    """Accept an attachment and tie it to what it was sent for, both or neither.

    Args:
        words: what it is, for people.

    Returns:
        False when it was no longer waiting for it.

    Raises:
        Unheld: what it was sent for is gone.
    """
    waiting = UploadSession.objects.filter(pk=session.pk, state=SessionState.RECEIVED)
    values = {"sha256": sha256, "probe": {"kind": words}, "error_code": "", "error_fields": {}, "updated_at": Now()}
    if not waiting.update(state=SessionState.ACCEPTED, **values):
        return False
    session.refresh_from_db()
    if not kept(session):
        raise Unheld
    point("uploads.judge.kept")
    attachment_changed.send(sender=UploadSession, session=session)
    return True


def give_up(public_id: str) -> None:
    """The judging could not be done: say that it is our fault; the file is kept for the next run. Inside the transaction that buries the task."""
    session = UploadSession.objects.filter(public_id=public_id, state=SessionState.RECEIVED).first()
    if session is not None:
        UploadSession.objects.filter(pk=session.pk).update(error_code=CheckFailed.entry.code, updated_at=Now())
        session.refresh_from_db()
        attachment_changed.send(sender=UploadSession, session=session)


def _look(session: UploadSession, *, stopped: Callable[[], bool]) -> tuple[str, str, AppError | None]:
    """Return the SHA-256 as hexadecimal, what the file is in words, and why it cannot be kept (or None).

    Raises:
        StoreMissing, BytesDiffer: what is stored is not what arrived. Interrupted: the lease was lost on the way.
        StorageFull: no room here for a copy.
    """
    place = store()
    place.seal(session.storage_key)
    if place.size(session.storage_key) != session.length:
        raise StoreMissing

    def check() -> None:
        if stopped():
            raise Interrupted

    try:
        with source_file(session, check=check) as path:
            digest = verified_digest(session, path, check)
            words, error = _kind(session, path, check)
            return digest, words, broken_promise(session, path, sha256=digest) or error
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            raise StorageFull(retry_after=FULL_RETRY_SECONDS) from fault
        raise


def _kind(session: UploadSession, path: Path, check: Callable[[], None]) -> tuple[str, AppError | None]:
    if not session.length:
        return "", AttachmentEmpty()
    with path.open("rb") as source:
        start = source.read(SNIFF_BYTES)
    error, found = refusal_of_attachment(start, name=session.file_name), kind_of(start)
    if error is None and found.is_text and not is_text(blocks_of_path(path, check)):
        error = AttachmentUnknown(name=session.file_name or "the file")  # text at the start only
    return found.words, error
