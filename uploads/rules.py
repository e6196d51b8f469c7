"""What must hold of uploads: rows and bytes tell the same story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from resilience.integrity import Breach, in_batches, rule
from resilience.models import Task
from resilience.models.tasks import LIVE_STATES, TaskState
from uploads.models import SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.services.abort import mark_corrupt
from uploads.services.commit import hand_over
from uploads.services.expire import expire_uploads, overdue, reap_orphans
from uploads.services.reap_remote import is_remote, reap_leftovers
from uploads.store import StoreMissing, store

QUIET = timedelta(minutes=1)  # what changed more recently may still be on its way
_CHECKED_BY = ("uploads.inspect", "uploads.judge")


def _stored(session: UploadSession) -> int:
    try:
        return store().size(session.storage_key)
    except StoreMissing:
        return 0


@rule("uploads.accepted_bytes", about="Every accepted file is there, all of it.")
def accepted_bytes() -> Iterator[Breach]:
    for session in in_batches(UploadSession.objects.filter(state=SessionState.ACCEPTED, ended_at=None)):
        if session.committed != session.length:
            yield Breach(session.public_id, f"accepted with {session.committed} of {session.length} bytes", session)
        elif (have := _stored(session)) < session.committed:
            yield Breach(session.public_id, f"accepted with {session.committed} bytes, {have} of them stored", session)


def _end(breach: Breach) -> bool:
    return mark_corrupt(breach.row)


@rule("uploads.told_bytes", about="No unfinished upload was told an offset beyond what is stored.", repair=_end)
def told_bytes() -> Iterator[Breach]:
    quiet = UploadSession.objects.filter(state__in=(SessionState.RECEIVING, SessionState.RECEIVED), committed__gt=0, updated_at__lt=Now() - QUIET)
    for session in in_batches(quiet):
        if (have := _stored(session)) < session.committed:
            yield Breach(session.public_id, f"told {session.committed} bytes, {have} of them stored", session)


def _check_it(breach: Breach) -> bool:
    still = UploadSession.objects.filter(pk=breach.row.pk, state=SessionState.RECEIVED).first()
    if still is None:
        return False
    hand_over(still)
    return True


@rule("uploads.checks", about="Every file that arrived is being looked at.", repair=_check_it)
def checks() -> Iterator[Breach]:
    looked_at = Task.objects.filter(kind__in=_CHECKED_BY, key=OuterRef("public_id"), state__in=(*LIVE_STATES, TaskState.DEAD))
    arrived = UploadSession.objects.filter(state=SessionState.RECEIVED, updated_at__lt=Now() - QUIET).exclude(role=UploadRole.PART)
    for session in in_batches(arrived.filter(~Exists(looked_at))):
        yield Breach(session.public_id, "arrived, and nobody looks at it", session)


@rule("uploads.ready_videos", about="Every video that is ready, or on its way there, has an accepted file.")
def ready_videos() -> Iterator[Breach]:
    files = UploadSession.objects.filter(video=OuterRef("pk"), state=SessionState.ACCEPTED)
    for video in in_batches(Video.objects.filter(state__in=(VideoState.READY, VideoState.CONVERTING)).filter(~Exists(files))):
        yield Breach(video.public_id, f"{video.get_state_display()} without a file", video)


def _expire(breach: Breach) -> bool:
    expire_uploads()
    return not overdue().filter(pk=breach.row.pk).exists()


@rule("uploads.expiry", about="No upload lives long past its end.", repair=_expire)
def expiry() -> Iterator[Breach]:
    for session in in_batches(overdue().filter(expires_at__lt=Now() - timedelta(hours=1))):
        yield Breach(session.public_id, f"was over at {session.expires_at:%Y-%m-%d %H:%M:%S}", session)


@rule("uploads.orphans", about="No bytes outlive their row by more than an hour.", repair=lambda breach: reap_orphans() > 0)
def orphans() -> Iterator[Breach]:
    if count := reap_orphans(dry_run=True):
        yield Breach("the store", f"{count} files belong to nobody")


@rule("uploads.multiparts", about="No multipart upload in S3 is left open for nobody.", repair=lambda breach: reap_leftovers() > 0)
def multiparts() -> Iterator[Breach]:
    if is_remote() and (count := reap_leftovers(dry_run=True)):
        yield Breach("the bucket", f"{count} multipart uploads or tails belong to nobody")


def _release(breach: Breach) -> bool:
    held = UploadSession.objects.filter(pk=breach.row.pk, epoch=breach.row.epoch).exclude(state__in=(SessionState.CREATING, SessionState.RECEIVING))
    return bool(held.update(epoch=F("epoch") + 1, lease_owner="", lease_expires_at=None))


@rule("uploads.leases", about="Nobody holds an upload that is over, and every lease has an end.", repair=_release)
def leases() -> Iterator[Breach]:
    over = ~Q(state__in=(SessionState.CREATING, SessionState.RECEIVING)) & ~Q(lease_owner="")
    for session in in_batches(UploadSession.objects.filter(over, updated_at__lt=Now() - QUIET)):
        yield Breach(session.public_id, f"{session.state}, and held by {session.lease_owner}", session)
