"""What is let in, decided before a byte of it is sent."""

from __future__ import annotations

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from resilience import draining, pressure
from resilience.shedding import Reason, Work
from uploads.errors import FileEmpty, StorageFull, TooLarge, TypeRefused
from uploads.services.clean import extension
from uploads.store import store

VIDEO_ENDINGS = frozenset({"mp4", "m4v", "mov", "webm", "mkv", "avi", "mpegts", "ts", "mts", "m2ts"})
AUDIO_ENDINGS = frozenset({"mp3", "wav", "ogg", "oga", "ogv", "m4a", "flac"})
ENDINGS = VIDEO_ENDINGS | AUDIO_ENDINGS
# What browsers and systems call such files besides video/… and audio/…; the last is what some call .ts files.
_TYPES = frozenset(
    {"application/octet-stream", "application/ogg", "application/mp4", "application/x-matroska", "application/x-flac", "text/vnd.trolltech.linguist"}
)


def accepts_anything() -> bool:
    return bool(settings.UPLOAD_ACCEPT == "*")


def human_size(size: int) -> str:
    return str(filesizeformat(size)).replace("\xa0", " ")


def too_large(size: int) -> TooLarge:
    limit = settings.UPLOAD_MAX_SIZE
    return TooLarge(size=size, limit=limit, size_text=human_size(size), limit_text=human_size(limit))


def require_size(length: int) -> None:
    """Raises: TooLarge."""
    if length > settings.UPLOAD_MAX_SIZE:
        raise too_large(length)


def require_acceptable(*, length: int | None, file_name: str, declared_type: str) -> None:
    """Check size, name ending and declared type. What has neither ending nor type is judged by its content later.

    Raises:
        TooLarge, FileEmpty, TypeRefused: as their names say.
    """
    if length is not None:
        require_size(length)
    if accepts_anything():
        return
    ending = extension(file_name)
    if ending and ending not in ENDINGS:
        raise TypeRefused(kind=f".{ending}")
    media_type = declared_type.partition(";")[0].strip().lower()
    if media_type and media_type not in _TYPES and not media_type.startswith(("video/", "audio/")):
        raise TypeRefused(kind=media_type[:60])
    if length == 0:
        raise FileEmpty


def require_room(length: int) -> None:
    """Refuse new uploads while it is tight (resilience/shedding.py says when) or before an update; those that began are finished first.

    Raises:
        SystemUpdating: this host or the fleet is drained.
        StorageFull: less than a tenth of the store is free, or the file would not fit.
        Stretched: memory or connections to the database are short.
    """
    draining.refuse_new_work()
    place = store()
    reason = pressure.reason_against(Work.UPLOAD, disk_free=place.free_share())
    if reason is Reason.DISK or place.free_bytes() < length:
        raise StorageFull(retry_after=pressure.RETRY_AFTER[Reason.DISK])
    if reason is not None:
        raise pressure.Stretched(reason)
