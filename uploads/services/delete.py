"""Deleting a video takes everything that arrived for it along."""

from __future__ import annotations

from resilience.faults import point
from resilience.transactions import retried
from uploads.limits.usage import remember_sent
from uploads.models import OPEN_SESSION_STATES, Video
from uploads.services.abort import abort_upload
from uploads.store import store


def delete_video(video: Video) -> None:
    """Remove a video, its uploads and their bytes.

    1. Stop what is still arriving. 2. Delete the rows; what was sent today goes on counting. 3. Delete the bytes; what a crash leaves behind
    has no row, and the reaper takes it.
    """
    for session in video.sessions.filter(state__in=OPEN_SESSION_STATES):
        abort_upload(session)
    keys = [key for key in video.sessions.values_list("storage_key", flat=True) if key]
    _delete_rows(video)
    point("uploads.delete.committed")
    for key in keys:
        store().delete(key)
        point("uploads.delete.file_gone")


@retried(joins=True)
def _delete_rows(video: Video) -> None:
    remember_sent(video)
    Video.objects.filter(pk=video.pk).delete()  # not the object's: it would lose its key, and with it a second run
