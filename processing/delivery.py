"""Hand out published files by name. A name is checked part by part; nothing outside the video's own folder can be named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files import File
from django.core.files.storage import default_storage

from processing.models import Publication
from processing.notes import RenditionNotFound
from uploads.models import Video

CONTENT_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "ts": "video/mp2t",
    "m4s": "video/mp4",
    "mp4": "video/mp4",
    "aac": "audio/aac",
    "jpg": "image/jpeg",
}
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9]+)?")
_LONGEST = 250


@dataclass(frozen=True, slots=True)
class Delivered:
    """An open file (the caller closes it), its media type and its size in bytes. Names are never used twice: it may be cached for ever."""

    file: File[Any]
    content_type: str
    size: int


def open_rendition(video: Video, path: str) -> Delivered:
    """Open a file of a published video.

    Args:
        path: relative to the video's folder, as `Publication.playlist` without its first part.

    Raises:
        RenditionNotFound: not a name of ours, no such file, or nothing is published.
    """
    suffix = path.rpartition(".")[2]
    well_formed = len(path) <= _LONGEST and suffix in CONTENT_TYPES and all(_PART.fullmatch(part) for part in path.split("/"))
    if not well_formed or not Publication.objects.filter(video=video).exists():
        raise RenditionNotFound()
    try:
        file = default_storage.open(f"{video.public_id}/{path}", "rb")
        return Delivered(file, CONTENT_TYPES[suffix], file.size)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, SuspiciousOperation) as missing:
        raise RenditionNotFound() from missing
