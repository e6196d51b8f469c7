"""What `uploads` tells the rooms above it. All are sent inside the transaction of the change; receivers only insert rows."""

from __future__ import annotations

from django.dispatch import Signal

source_accepted = Signal()  # session: UploadSession. Its file passed inspection; `session.probe` says what it is.
source_refused = Signal()  # session: UploadSession. Refused with session.error_code; the Video needs a new file.
upload_ended = Signal()  # session: UploadSession. Aborted, expired or corrupt before it was complete.
video_changed = Signal()  # video: Video. Its state, title or error changed; sent for every change a person could see.
