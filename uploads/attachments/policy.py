"""What may be attached, decided before a byte of it is sent, and again by its first bytes; for every role its own rule."""

from __future__ import annotations

from django.conf import settings

from resilience.errors import AppError
from uploads import admission
from uploads.errors.attachments import (
    AttachmentEmpty,
    AttachmentHarmful,
    AttachmentTooLarge,
    AttachmentTypeRefused,
    AttachmentUnknown,
    AttachmentWayRefused,
)
from uploads.inspection import magic
from uploads.models import UploadRole, UploadSession
from uploads.services.clean import extension

from .kinds import ENDINGS, kind_of

ALL_ENDINGS = ENDINGS | admission.ENDINGS
_HARMLESS_TYPES = frozenset({"application/octet-stream", "application/pdf", "application/json", "application/ogg", "application/mp4", "application/x-matroska"})
_HARMFUL_TYPES = frozenset({"image/svg+xml", "text/html", "text/javascript", "text/xml", "text/x-php", "text/x-sh", "text/x-python"})
_HARMLESS_GROUPS = ("image/", "text/", "video/", "audio/")
# What systems call a .csv, .log or .ts file; its content decides.
_ODD_TYPES = frozenset({"application/vnd.ms-excel", "application/x-log", "application/x-subrip", "application/x-flac"})


def require_attachable(*, length: int | None, file_name: str, declared_type: str, role: UploadRole) -> None:
    """Check way, size, name ending and declared type. What has neither ending nor type is judged by its content alone.

    Raises:
        AttachmentWayRefused: it is to come in parts, or its size is not told; something so small has one.
        AttachmentTooLarge, AttachmentEmpty, AttachmentTypeRefused: as their names say.
    """
    if role != UploadRole.ATTACHED:
        raise AttachmentWayRefused(way="in parts side by side")
    if length is None:
        raise AttachmentWayRefused(way="without saying how large it is")
    limit = settings.UPLOAD_ATTACHMENT_MAX_SIZE
    if length > limit:
        raise AttachmentTooLarge(size=length, limit=limit, size_text=admission.human_size(length), limit_text=admission.human_size(limit))
    ending = extension(file_name)
    if ending and ending not in ALL_ENDINGS:
        raise AttachmentTypeRefused(kind=f".{ending}")
    media_type = declared_type.partition(";")[0].strip().lower()
    if media_type and not _is_harmless(media_type):
        raise AttachmentTypeRefused(kind=media_type[:60])
    if length == 0:
        raise AttachmentEmpty


def _is_harmless(media_type: str) -> bool:
    if media_type in _HARMLESS_TYPES or media_type in _ODD_TYPES:
        return True
    return media_type.startswith(_HARMLESS_GROUPS) and media_type not in _HARMFUL_TYPES


def refusal_of_start(session: UploadSession, start: bytes, *, whole: bool) -> AppError | None:
    """Return why a file that starts like this is not taken for what it is sent for, or None.

    Args:
        start: the first bytes, up to 64 KiB.
        whole: True when that is all of the file.
    """
    if session.role == UploadRole.ATTACHED:
        return refusal_of_attachment(start, name=session.file_name)
    return magic.refusal_of_start(start, name=session.file_name, whole=whole)


def refusal_of_attachment(start: bytes, *, name: str) -> AppError | None:
    kind, shown = kind_of(start), name or "the file"
    if kind.harmful:
        return AttachmentHarmful(name=shown, what=kind.harmful)
    return None if kind.words else AttachmentUnknown(name=shown)
