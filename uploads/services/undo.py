"""Taking a creation back whose own request turned out to be wrong: neither rows nor bytes of it stay."""

from __future__ import annotations

from uploads.models import UploadSession
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video


def undo_creation(session: UploadSession) -> None:
    """Remove an upload that was made a moment ago, and the video that was made with it. A video that waited for a new file waits on.

    1. End it, if it has not ended yet, and remove its bytes. 2. Remove the rows: the same idempotency key begins anew.
    Dying in between leaves an ended upload, whose bytes the reaper takes.
    """
    abort_upload(session)
    video = session.video
    session.delete()
    if video is not None and not video.sessions.exists():
        delete_video(video)
