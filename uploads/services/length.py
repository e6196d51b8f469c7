"""The length of a file that was not known when its upload began. It is set once and never changed."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Q

from resilience.transactions import retried
from uploads.admission import require_size
from uploads.errors import LengthInconsistent
from uploads.limits.reserve import reserve_length
from uploads.models import SessionState, UploadSession
from uploads.services.commit import Fenced, commit_all
from uploads.services.lease import Lease


def fix_length(lease: Lease, length: int, *, completes: bool) -> Lease:
    """Set the length and return the lease that knows it; naming the same one again changes nothing.

    Where all of the file was committed before, the upload is completed in the same transaction: nobody may be told an offset that
    equals the length while nothing completes the upload any more.

    Args:
        length: bytes of the whole file.
        completes: True when reaching the length is the end of the file.

    Raises:
        TooLarge: we do not take files of that size.
        QuotaReached, DailyReached: its owner has no room for it.
        LengthInconsistent: it had another length, or more has arrived than that.
        Fenced: the lease is no longer ours.
    """
    require_size(length)
    return _set_length(lease, length, completes)


@retried(joins=True)
def _set_length(lease: Lease, length: int, completes: bool) -> Lease:
    reserve_length(lease.session_id, length)
    ours = UploadSession.objects.filter(pk=lease.session_id, epoch=lease.epoch, state=SessionState.RECEIVING)
    unset_or_same = Q(length__isnull=True) | Q(length=length)
    if ours.filter(unset_or_same, committed__lte=length).update(length=length):
        known = replace(lease, length=length)
        committed = ours.values_list("committed", flat=True).get()
        if completes and committed == length:
            commit_all(known, old=committed, new=committed)
        return known
    if not ours.exists():
        raise Fenced
    raise LengthInconsistent
