"""What `uploads` tells the rooms above it. All are sent inside the transaction of the change; receivers only insert rows."""

from __future__ import annotations

from dataclasses import dataclass

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class VideoChange:
    """One of many changes told together: the video as it is now, and where it comes from.

    Args:
        before: the state it had; empty for a video just made.
        received: bytes of the file that has just arrived; None where none has.
        request_id: of the request that changed it.
    """

    pk: int
    public_id: str
    owner_id: int
    title: str
    state: str
    version: int
    before: str
    received: int | None
    request_id: str


source_accepted = Signal()  # session: UploadSession. Its file passed inspection; `session.probe` says what it is.
source_refused = Signal()  # session: UploadSession. Refused with session.error_code; the Video needs a new file.
upload_ended = Signal()  # session: UploadSession. Aborted, expired or corrupt before it was complete.
upload_expiring = Signal()  # session: UploadSession. Unfinished, silent for long, and thrown away within a day; told once unless bytes come in between.
attachment_changed = Signal()  # session: UploadSession. A file attached to something was kept, refused, or ended; it has no Video.
video_changed = Signal()  # video: Video. Its state, title or error changed; sent for every change a person could see.
videos_changed = Signal()  # changes: Sequence[VideoChange]. The same of several videos at once, whose uploads began or arrived whole.
