"""Leftovers of crashes in a remote store, and of copies that were made of it on this host."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from django.conf import settings

from uploads.store.copies import reap_copies

LISTING_SECONDS = 3600.0


def reap_leftovers(*, dry_run: bool = False) -> int:
    """Remove tails and multipart uploads nobody counts, and copies on this host whose process died. Return how many."""
    count = reap_copies(dry_run=dry_run)
    if settings.UPLOAD_STORE == "s3":
        from uploads.store.s3 import reap  # boto3 takes its time: only where it is used

        count += reap.reap_leftovers(dry_run=dry_run)
    return count


def seldom(function: Callable[..., int]) -> Callable[..., int]:
    """Let a recovery part that lists a whole bucket run once an hour in a process that lives on; by hand it always runs."""
    last: list[float] = []

    @functools.wraps(function)
    def run(*, dry_run: bool = False) -> int:
        if settings.UPLOAD_STORE == "s3" and not dry_run:
            if last and time.monotonic() - last[0] < LISTING_SECONDS:
                return 0
            last[:] = [time.monotonic()]
        return function(dry_run=dry_run)

    return run
