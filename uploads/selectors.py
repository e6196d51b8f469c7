"""Reads over uploads that are longer than a line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Now

from uploads.models import OPEN_SESSION_STATES, RemoteFile, UploadRole, UploadSession
from uploads.store import store
from uploads.store.base import Check
from uploads.store.disk import DiskStore


def source_file(session: UploadSession, *, check: Check | None = None) -> AbstractContextManager[Path]:
    """Give a path on this host with the bytes of a file that arrived whole, for the time of a `with` block.

    Args:
        check: called between the blocks of a copy that must be made first; raises to stop it.

    Raises:
        OSError: no room here for a copy, or a broken disk. StoreMissing: the bytes are gone. StorageAway, CircuitOpen: not now.
    """
    return store().local(session.storage_key, check)


def source_path(session: UploadSession) -> Path:
    """Return the file that holds a session's bytes, where uploads are kept on this host's disk."""
    return DiskStore(Path(settings.UPLOAD_DIR)).path(session.storage_key)


def source_object(session: UploadSession) -> str:
    """Return the name in the bucket of the one object with a session's bytes; empty where uploads are on disk, or it was never put together."""
    return RemoteFile.objects.filter(session=session).values_list("object_key", flat=True).first() or ""


def unfinished_uploads(owner: User) -> QuerySet[UploadSession]:
    """A person's uploads that can still go on, newest first. Parts are nobody's business, and what is joined from them needs no more bytes."""
    return (
        UploadSession.objects.filter(owner=owner, video__isnull=False, state__in=OPEN_SESSION_STATES, expires_at__gt=Now())
        .exclude(role=UploadRole.JOINED)
        .select_related("video")
        .order_by("-pk")
    )
