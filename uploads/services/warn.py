"""A word to the owner of an unfinished upload the day before it is thrown away."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from resilience.transactions import retried
from uploads.models import OPEN_SESSION_STATES, UploadSession
from uploads.signals import upload_expiring

BATCH = 500
AHEAD = timedelta(hours=24)


def expiring() -> QuerySet[UploadSession]:
    """Uploads of videos that end within a day and whose owner does not know it.

    Every byte that arrives moves the end a whole life (UPLOAD_EXPIRY_SECONDS) away, so one that somebody still sends is not among them. Where
    that life is short, half of it must have passed in silence. A warning from before the last byte counts as none.
    """
    silent = timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS / 2)
    unaware = Q(warned_at__isnull=True) | Q(warned_at__lt=F("updated_at"))
    open_ones = UploadSession.objects.filter(unaware, state__in=OPEN_SESSION_STATES, video__isnull=False)
    return open_ones.filter(expires_at__gt=Now(), expires_at__lte=Now() + AHEAD, updated_at__lte=Now() - silent)


def warn_of_expiry(*, dry_run: bool = False) -> int:
    """Tell each owner once. Of two that run at once, one tells; the telling and the note of it are one transaction.

    Returns:
        How many were (or would be) told of.
    """
    if dry_run:
        return expiring().count()
    return sum(_warn(pk) for pk in expiring().order_by("expires_at").values_list("pk", flat=True)[:BATCH])


@retried(joins=True)
def _warn(pk: int) -> bool:
    if not expiring().filter(pk=pk).update(warned_at=Now()):
        return False  # bytes came in, it ended, or somebody else has just told
    upload_expiring.send(sender=UploadSession, session=UploadSession.objects.select_related("owner", "video").get(pk=pk))
    return True
