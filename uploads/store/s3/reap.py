"""What crashes leave in the bucket beside files that live: tails nobody counts, multipart uploads nobody wrote down.

What belongs to uploads that are over or gone is found by `S3Store.keys`. Nothing a row names is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

import structlog
from django.conf import settings

from . import client, names, rows
from .store import abort

log = structlog.get_logger(__name__)

T = TypeVar("T")

AGE_SECONDS = 3600.0
BATCH = 500


def reap_leftovers(*, dry_run: bool = False, age_seconds: float = AGE_SECONDS) -> int:
    """Remove leftovers older than `age_seconds`. Return how many there were."""
    latest = datetime.now(UTC) - timedelta(seconds=age_seconds)
    return _tails(latest, dry_run=dry_run) + _multiparts(latest, dry_run=dry_run)


def _tails(latest: datetime, *, dry_run: bool) -> int:
    """Tails no row names. Their writer may only sleep: it is fenced first, so that its commit can no longer count what is removed."""
    found = (item["Key"] for item in client.pages("list_objects_v2", "Contents", Prefix=settings.S3_PREFIX) if item["LastModified"] <= latest)
    count = 0
    for batch in _batches(name for name in found if names.is_tail(name)):
        stray = _not_named(batch)
        if not dry_run:
            for name in stray:
                rows.fence_writer(names.owner(name))
            stray = _not_named(stray)
            for name in stray:
                client.call("delete_object", Key=name)
                log.info("upload.tail_removed", key=name)
        count += len(stray)
    return count


def _multiparts(latest: datetime, *, dry_run: bool) -> int:
    found = (
        (item["Key"], item["UploadId"])
        for item in client.pages("list_multipart_uploads", "Uploads", Prefix=settings.S3_PREFIX)
        if item["Initiated"] <= latest and names.owner(item["Key"])
    )
    count = 0
    for batch in _batches(found):
        used = rows.in_use({names.owner(name) for name, _upload_id in batch})
        for name, upload_id in batch:
            key = names.owner(name)
            if key in used and used[key][2] != upload_id:
                count += 1
                if not dry_run:
                    abort(name, upload_id)
                    log.info("upload.multipart_removed", key=name)
    return count


def _not_named(found: list[str]) -> list[str]:
    used = rows.in_use({names.owner(name) for name in found})
    return [name for name in found if names.owner(name) in used and name not in used[names.owner(name)][:2]]


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(items, BATCH)):
        yield batch
