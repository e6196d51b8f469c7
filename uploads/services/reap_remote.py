"""Leftovers of crashes in a remote store, and of copies that were made of it on this host."""

from __future__ import annotations

from django.conf import settings

from uploads.store.copies import reap_copies


def reap_leftovers(*, dry_run: bool = False) -> int:
    """Remove tails and multipart uploads nobody counts, and copies on this host whose process died. Return how many."""
    count = reap_copies(dry_run=dry_run)
    if settings.UPLOAD_STORE == "s3":
        from uploads.store.s3 import reap  # boto3 takes its time: only where it is used

        count += reap.reap_leftovers(dry_run=dry_run)
    return count
