"""Uploads in a bucket. Any web server can go on with any of them: all there is to know is in the database and in S3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings

from resilience.circuits import CircuitOpen
from resilience.faults import point
from uploads.errors import StorageAway
from uploads.store.base import Check, Loss, StoreBusy, Sum
from uploads.store.copies import local_copy

from . import client, names, rows
from .appender import S3Appender
from .client import MultipartMissing
from .sums import client_size, first_loss, sums_of
from .whole import concatenate, seal

log = structlog.get_logger(__name__)

BATCH = 1000  # keys of one DeleteObjects
ROOM = 2**62


class S3Reader:
    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, *, first: int, count: int) -> bytes:
        return client.read(self._name, first=first, count=count)

    def close(self) -> None:
        """Nothing is kept open."""


class S3Store:
    """Implements `Store` and `KeepsSums`. Locks are the leases in the database."""

    def create(self, key: str) -> None:
        """Make the row. S3 hears of the file with its first bytes."""
        rows.layout_of(key)

    def open(self, key: str) -> S3Appender:
        if rows.is_held(key):
            raise StoreBusy
        return S3Appender(key)

    def is_held(self, key: str) -> bool:
        return rows.is_held(key)

    def take_over(self, key: str) -> bool:
        """End another writer's lease. Whatever it still sends has names of its own and is counted by nobody."""
        return rows.end_lease(key)

    def seal(self, key: str) -> None:
        seal(key)

    def size(self, key: str) -> int:
        layout = rows.layout_of(key)
        return client_size(layout.object_key) if layout.object_key else layout.size

    def reader(self, key: str) -> S3Reader:
        """Read by ranged GETs; a file nobody has put together yet is put together first."""
        return S3Reader(seal(key)[0])

    def local(self, key: str, check: Check | None = None) -> AbstractContextManager[Path]:
        name, size = seal(key)
        return local_copy(key, size=size, read=lambda first, count: client.read(name, first=first, count=count), check=check)

    def concatenate(self, keys: Sequence[str], target: str) -> int:
        return concatenate(keys, target)

    def first_loss(self, key: str) -> Loss | None:
        return first_loss(key)

    def sums(self, key: str) -> list[Sum]:
        return sums_of(key)

    def delete(self, key: str) -> None:
        """Remove everything under the key; what S3 does not take now, the reaper does (`keys`), as the row says already that it is over."""
        try:
            self._delete(key)
        except (StorageAway, CircuitOpen) as failure:
            log.warning("upload.bytes_left", storage_key=key, reason=type(failure).__name__)

    def _delete(self, key: str) -> None:
        """Multipart uploads first, so that none of them can still become an object."""
        for upload in client.pages("list_multipart_uploads", "Uploads", Prefix=names.folder(key)):
            abort(upload["Key"], upload["UploadId"])
            point("uploads.s3.multipart_aborted")
        found = [item["Key"] for item in client.pages("list_objects_v2", "Contents", Prefix=names.folder(key))]
        for start in range(0, len(found), BATCH):
            batch = [{"Key": name} for name in found[start : start + BATCH]]
            client.call("delete_objects", Delete={"Objects": batch, "Quiet": True})

    def free_share(self) -> float:
        """S3 is never full."""
        return 1.0

    def free_bytes(self) -> int:
        return ROOM

    def keys(self, *, older_than_seconds: float) -> Iterator[str]:
        latest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        seen: set[str] = set()
        for name, changed in _everything():
            key = names.owner(name)
            if key and key not in seen and changed < latest:
                seen.add(key)
                yield key


def abort(name: str, upload_id: str) -> None:
    try:
        client.call("abort_multipart_upload", Key=name, UploadId=upload_id)
    except MultipartMissing:
        return  # completed or aborted meanwhile


def _everything() -> Iterator[tuple[str, datetime]]:
    for item in client.pages("list_objects_v2", "Contents", Prefix=settings.S3_PREFIX):
        yield item["Key"], item["LastModified"]
    for item in client.pages("list_multipart_uploads", "Uploads", Prefix=settings.S3_PREFIX):
        yield item["Key"], item["Initiated"]
