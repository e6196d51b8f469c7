"""Who may append to an upload: fencing in the database, so that it holds across processes and hosts."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F

from resilience.statements import fetch
from uploads.models import SessionState, UploadSession
from uploads.together import Call, together

LEASE_SECONDS = 60
# Where files lie on disk, their lock keeps writers apart, and the lease may reach the disk with the commit it is for: a database that crashes
# in between has forgotten the lease, and refuses that commit; nothing was acknowledged under it. In S3 there is nothing but the lease.
# One statement with RETURNING: nobody can come between the bump and reading it. The inner one locks in order, so that no two batches wait for each other.
_TAKE = """
WITH said AS MATERIALIZED (SELECT set_config('synchronous_commit', %s, true))
UPDATE uploads_uploadsession
   SET epoch = epoch + 1, lease_owner = %s, lease_expires_at = statement_timestamp() + make_interval(secs => %s)
  FROM said
 WHERE id IN (SELECT id FROM uploads_uploadsession WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE) AND state = %s
   AND (SELECT bool_and(revoked_at IS NOT NULL) FROM uploads_resumetoken WHERE session_id = uploads_uploadsession.id) IS NOT TRUE
RETURNING id, epoch, committed, length, chain
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to append. `committed` and `length` in bytes and the chain at `committed`, as they were when it was taken."""

    session_id: int
    epoch: int
    committed: int
    length: int | None
    chain: str = ""


def holder_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:120]


def _take_many(calls: Sequence[Call]) -> list[Lease | None]:
    ids = [call.args[0] for call in calls]
    if len(set(ids)) < len(ids):
        raise ValueError("An epoch belongs to one writer: two of the same upload take their leases one after the other.")
    waits = "off" if settings.UPLOAD_STORE == "disk" else "on"
    taken = {row[0]: Lease(*row) for row in fetch(_TAKE, waits, holder_name(), LEASE_SECONDS, ids, SessionState.RECEIVING)}
    return [taken.get(session_id) for session_id in ids]


@together(_take_many)
def take_lease(session_id: int) -> Lease | None:
    """Become the writer: one short statement bumps the epoch, and with that fences whoever wrote before.

    Returns:
        None when the session receives no more, or all its tokens were revoked since the request was let in.
    """
    return _take_many([Call((session_id,), {}, "")])[0]


def release_lease(lease: Lease) -> None:
    """Say that nobody writes any more; does nothing when somebody else has taken over."""
    UploadSession.objects.filter(pk=lease.session_id, epoch=lease.epoch).update(lease_owner="", lease_expires_at=None)


def ask_to_stop(session_id: int) -> None:
    """Ask the writer of the present epoch, wherever it runs, to save what it has and stop."""
    UploadSession.objects.filter(pk=session_id).exclude(lease_owner="").update(stop_epoch=F("epoch"))


def asked_to_stop(epochs: dict[int, int]) -> set[int]:
    """Return which of this process's writers are asked to stop or have been fenced.

    Args:
        epochs: the epoch this process holds, by session primary key.
    """
    rows = UploadSession.objects.filter(pk__in=epochs).values_list("pk", "epoch", "stop_epoch", "state")
    alive = {pk for pk, epoch, stop, state in rows if epoch == epochs[pk] and stop < epoch and state == SessionState.RECEIVING}
    return set(epochs) - alive


def fence(session_id: int) -> UploadSession:
    """Take every writer's right away and return the session: its offset now holds until the next lease."""
    UploadSession.objects.filter(pk=session_id, state=SessionState.RECEIVING).update(epoch=F("epoch") + 1, lease_owner="", lease_expires_at=None)
    return UploadSession.objects.get(pk=session_id)
