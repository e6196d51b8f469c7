"""Reapers of what belongs to no room above: sign-ins that are over, and files a check or a first start left when it was killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from resilience.reapers import reaper

BATCH = 5_000
TEMPORARY_SECONDS = 3600.0  # whoever made one is done with it within seconds
TEMPORARY = (".doctor-*", ".secret_key.*")


@reaper("sessions", every=timedelta(hours=1), about="Drops sign-ins of browsers that are over.")
def drop_sessions(*, dry_run: bool = False) -> int:
    """Delete sessions that have ended, one batch a run. Return how many."""
    from django.contrib.sessions.models import Session

    ended = Session.objects.filter(expire_date__lt=Now())
    if dry_run:
        return ended.count()
    return ended.filter(pk__in=list(ended.values_list("pk", flat=True)[:BATCH])).delete()[0]


@reaper("temporary_files", every=timedelta(hours=1), per_host=True, frees_disk=True, about="Removes temporary files whose process was killed.")
def remove_temporary(*, dry_run: bool = False) -> int:
    """Remove temporary files older than TEMPORARY_SECONDS from our own folders. Return how many."""
    latest = time.time() - TEMPORARY_SECONDS
    folders = {Path(folder) for folder in (settings.VAR_DIR, settings.UPLOAD_DIR, settings.RENDITION_DIR, settings.WORK_DIR)}
    return sum(remove_old(folder, pattern, latest=latest, dry_run=dry_run) for folder in sorted(folders) for pattern in TEMPORARY)


def remove_old(folder: Path, pattern: str, *, latest: float, dry_run: bool) -> int:
    """Remove a folder's files of a pattern that were last written before `latest` (seconds since the epoch). Return how many."""
    old = list(_written_before(folder, pattern, latest))
    for path in [] if dry_run else old:
        path.unlink(missing_ok=True)
    return len(old)


def _written_before(folder: Path, pattern: str, latest: float) -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)):
        try:
            if path.is_file() and path.stat().st_mtime < latest:
                yield path
        except FileNotFoundError:  # its process was alive after all, and has removed it
            continue
