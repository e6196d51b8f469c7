"""Keep the event log to what somebody can still want."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from notifications.models import Event

PROGRESS_KEPT = timedelta(hours=6)
BATCH = 10_000


def prune_progress(*, dry_run: bool = False) -> int:
    """Delete old progress events: a bar that moved hours ago is news to nobody. Everything with words stays.

    Returns:
        How many were (or would be) deleted, at most one batch a call.
    """
    old = Event.objects.filter(kind="job.progress", at__lt=Now() - PROGRESS_KEPT).order_by("at").values_list("pk", flat=True)[:BATCH]
    if dry_run:
        return len(old)
    deleted, _ = Event.objects.filter(pk__in=list(old)).delete()
    return deleted
