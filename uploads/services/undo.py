"""Taking a creation back whose own request turned out to be wrong: neither rows nor bytes of it stay."""

from __future__ import annotations

from uploads.models import UploadSession, VideoState
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video


def undo_creation(session: UploadSession) -> None:
    """End an upload that was made a moment ago, and remove the video that was made with it.

    A video that waited for a new file waits on. Dying in between leaves a canceled upload, whose bytes the reaper takes.
    """
    if not abort_upload(session):
        return
    video = session.video
    if video is None:
        session.delete()
        return
    video.refresh_from_db()
    if video.state == VideoState.CANCELED and video.sessions.count() == 1:
        delete_video(video)
