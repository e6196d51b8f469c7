"""Where upload bytes live. `store()` is the one in use."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from .base import Appender, HeldAlone, KeepsSums, Placed, Reader, Store, StoreBusy, StoreMissing, Sum, WriteFailed
from .disk import DiskStore

__all__ = ["Appender", "HeldAlone", "KeepsSums", "Placed", "Reader", "Store", "StoreBusy", "StoreMissing", "Sum", "WriteFailed", "store"]


def store() -> Store:
    if settings.UPLOAD_STORE == "s3":
        from .s3.store import S3Store  # needs the tables, which need this module; and boto3 takes its time

        return S3Store()
    return DiskStore(Path(settings.UPLOAD_DIR))
