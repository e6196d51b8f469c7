"""Where upload bytes live. `store()` is the one in use."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from .base import Appender, Store, StoreBusy, StoreMissing, WriteFailed
from .disk import DiskStore

__all__ = ["Appender", "Store", "StoreBusy", "StoreMissing", "WriteFailed", "store"]


def store() -> Store:
    return DiskStore(Path(settings.UPLOAD_DIR))
