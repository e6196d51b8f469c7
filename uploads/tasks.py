"""Durable work of `uploads`."""

from __future__ import annotations

from resilience.circuits import CircuitOpen
from resilience.models import Task
from resilience.reapers import MINUTE, reaper
from resilience.tasks import TaskContext, durable
from uploads.attachments.judge import give_up as give_up_judging
from uploads.attachments.judge import judge_attachment
from uploads.errors import StorageAway, StorageFull
from uploads.integrity.record import prune_segments
from uploads.services.expire import expire_uploads, reap_orphans
from uploads.services.inspect import give_up, inspect_upload
from uploads.services.parts import give_up_joining, join_parts
from uploads.services.reap_remote import LISTING, is_remote, reap_leftovers
from uploads.services.warn import warn_of_expiry
from uploads.store.copies import reap_copies

NEEDS = ("s3",) if is_remote() else ()  # while the bucket is known to be away, none of these is begun


def _dead(task: Task) -> None:
    give_up(str(task.payload["session_id"]))


def _wait(away: StorageAway | StorageFull) -> CircuitOpen:
    """What makes a task wait without spending a try: the bytes are safe, only the place for them or the way to them is missing."""
    return CircuitOpen(circuit="disk" if isinstance(away, StorageFull) else "s3", retry_after=away.retry_after or 5)


@durable("uploads.inspect", timeout=900, tries=4, needs=NEEDS, on_dead=_dead)
def inspect(context: TaskContext, *, session_id: str) -> None:
    try:
        inspect_upload(session_id, attempt=context.attempt, stopped=context.lease_lost)
    except (StorageAway, StorageFull) as away:
        raise _wait(away) from away


def _not_judged(task: Task) -> None:
    give_up_judging(str(task.payload["session_id"]))


@durable("uploads.judge", timeout=300, tries=4, needs=NEEDS, on_dead=_not_judged)
def judge(context: TaskContext, *, session_id: str) -> None:
    try:
        judge_attachment(session_id, stopped=context.lease_lost)
    except (StorageAway, StorageFull) as away:
        raise _wait(away) from away


def _not_joined(task: Task) -> None:
    give_up_joining(str(task.payload["session_id"]))


@durable("uploads.join", timeout=1800, tries=8, needs=NEEDS, on_dead=_not_joined)
def join(context: TaskContext, *, session_id: str) -> None:
    try:
        join_parts(session_id, stopped=context.lease_lost)
    except (StorageAway, StorageFull) as away:
        raise _wait(away) from away


reaper("uploads.expire", frees_disk=True, about="Ends uploads nobody finished in time; their bytes go.")(expire_uploads)
reaper("uploads.warn", about="Tells people of uploads that end soon.")(warn_of_expiry)
reaper(
    "uploads.orphans", every=LISTING if is_remote() else MINUTE, per_host=not is_remote(), frees_disk=True, about="Removes bytes whose upload is over or gone."
)(reap_orphans)
reaper("uploads.segments", about="Drops the digests of parts of uploads that are over.")(prune_segments)
reaper("uploads.copies", per_host=True, frees_disk=True, about="Removes copies of remote files whose process died.")(reap_copies)
reaper("uploads.leftovers", every=LISTING, about="Ends multipart uploads and removes tails that nobody counts.")(reap_leftovers)
