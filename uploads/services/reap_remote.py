"""Leftovers of crashes in a remote store."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

LISTING = timedelta(hours=1)  # a whole bucket is listed seldom: each listing costs


def is_remote() -> bool:
    return bool(settings.UPLOAD_STORE == "s3")


def reap_leftovers(*, dry_run: bool = False) -> int:
    """Remove tails and multipart uploads nobody counts. Return how many; a disk has none."""
    if not is_remote():
        return 0
    from uploads.store.s3 import reap  # boto3 takes its time: only where it is used

    return reap.reap_leftovers(dry_run=dry_run)
