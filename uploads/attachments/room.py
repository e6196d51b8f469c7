"""How much one person may attach: counted apart from videos, and one creation at a time, for these are few."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Sum
from django.db.models.functions import Coalesce, Now

from uploads.errors.attachments import AttachmentQuotaReached, AttachmentsDailyReached
from uploads.limits.reserve import hold_alone, reserve_of_all, sizes
from uploads.limits.usage import COUNTED, DAY
from uploads.models import HOLDING_SESSION_STATES, UploadRole, UploadSession


def reserve_attachment(owner_id: int, length: int) -> None:
    """Make sure that an attachment fits, until the caller's transaction, which inserts its row, is over.

    Raises:
        AttachmentQuotaReached, AttachmentsDailyReached: the owner's limits. ServiceFull and the like: everybody's.
    """
    reserve_of_all(length, alone=True)
    hold_alone(owner_id)
    mine = UploadSession.objects.filter(owner_id=owner_id, role=UploadRole.ATTACHED)
    limit = settings.UPLOAD_ATTACHMENT_QUOTA
    used = attached_bytes(owner_id)
    if limit and used + length > limit:
        raise AttachmentQuotaReached(**sizes(length, used, limit))
    today = mine.filter(created_at__gt=Now() - DAY)  # those refused too: a thousand tries are a thousand files
    most, count = settings.UPLOAD_ATTACHMENTS_PER_DAY, today.count()
    if most and count >= most:
        age: timedelta = today.annotate(age=Now() - F("created_at")).order_by("-age").values_list("age", flat=True)[0]
        raise AttachmentsDailyReached(retry_after=max(1.0, (DAY - age).total_seconds()), used=count, limit=most)


def attached_bytes(owner_id: int) -> int:
    """Return what a person's attachments take, those on their way with all they announced."""
    holding = UploadSession.objects.filter(owner_id=owner_id, role=UploadRole.ATTACHED, state__in=HOLDING_SESSION_STATES)
    return int(holding.aggregate(total=Coalesce(Sum(COUNTED), 0))["total"])
