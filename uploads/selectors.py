"""Reads over uploads that are longer than a line."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Now

from uploads.models import OPEN_SESSION_STATES, UploadSession
from uploads.store import store


def source_path(session: UploadSession) -> Path:
    """Return the local file that holds a session's bytes."""
    return store().path(session.storage_key)


def unfinished_uploads(owner: User) -> QuerySet[UploadSession]:
    """A person's uploads that can still go on, newest first."""
    return (
        UploadSession.objects.filter(owner=owner, video__isnull=False, state__in=OPEN_SESSION_STATES, expires_at__gt=Now())
        .select_related("video")
        .order_by("-pk")
    )
