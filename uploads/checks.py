"""What would stop uploads: a system check of the disk, and the doctor's of the bucket."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from resilience import doctor


@register()
def upload_dir_is_writable(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """uploads.E001: UPLOAD_DIR, or the nearest folder above it that exists, cannot be written."""
    if settings.UPLOAD_STORE != "disk":
        return []
    folder = Path(settings.UPLOAD_DIR)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [Error(f"Uploads cannot be stored in {settings.UPLOAD_DIR}.", hint="Make VAR_DIR a folder this user may write to.", id="uploads.E001")]


@doctor.check("Uploads' bucket")
def bucket() -> doctor.Finding:
    """A small file goes through everything an upload asks of S3."""
    if settings.UPLOAD_STORE != "s3":
        return doctor.ok("Not used: uploads are kept on disk.")
    from uploads.store.s3.trial import trial  # boto3 takes its time: only where it is used

    return trial()
