"""How made videos reach their watchers (config/settings.py takes it all over): where they are kept, and how long a link to one works."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config import env
from config.aws_settings import RENDITION_BUCKET, RENDITION_PREFIX, RENDITION_STORE
from config.s3_settings import S3_ENDPOINT_URL, S3_REGION

# A link to a video works this long. What its playlists name works longer, by twice its place in the film (docs/decisions).
PLAYBACK_LINK_SECONDS = env.integer("PLAYBACK_LINK_SECONDS", 300, minimum=10, maximum=3600)


def rendition_storage(folder: Path) -> dict[str, Any]:
    """Return the entry of STORAGES for renditions."""
    if RENDITION_STORE == "s3":
        return {"BACKEND": "processing.storage_s3.RenditionStorage", "OPTIONS": {"bucket_name": RENDITION_BUCKET, "location": RENDITION_PREFIX.rstrip("/")}}
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": folder}}


def delivery_origins() -> list[str]:
    """Return where a page may fetch renditions from, besides ourselves: for its Content-Security-Policy."""
    if RENDITION_STORE != "s3":
        return []
    if S3_ENDPOINT_URL:
        parts = urlsplit(S3_ENDPOINT_URL)
        return [f"{parts.scheme}://{parts.netloc}"]
    return [f"https://{RENDITION_BUCKET}.s3.{S3_REGION}.amazonaws.com", f"https://{RENDITION_BUCKET}.s3.amazonaws.com"]
