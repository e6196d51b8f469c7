"""Taking a creation back whose own request turned out to be wrong: neither rows nor bytes of it stay."""

from __future__ import annotations

from django.db.models.functions import Now

from resilience.faults import point
from resilience.transactions import retried
from uploads.models import ResumeToken, UploadSession
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video
from uploads.services.tokens import hash_secret


def undo_creation(session: UploadSession, *, secret: str) -> None:
    """Remove an upload that was made a moment ago, and the video that was made with it. A video that waited for a new file waits on.

    1. Claim it: whoever sent the same creation again meanwhile has a newer secret, and the upload with it; then nothing is done. Its
    idempotency key is free from now on. 2. End it, if it has not ended yet, and remove its bytes. 3. Remove the rows.
    Dying in between leaves an upload that ends or ended, whose bytes the reaper takes.

    Args:
        secret: of the token this creation was given.
    """
    if not _claim(session, secret):
        return
    abort_upload(session)
    point("uploads.undo.ended")
    video = session.video
    session.delete()
    point("uploads.undo.row_gone")
    if video is not None and not video.sessions.exists():
        delete_video(video)


@retried(joins=True)
def _claim(session: UploadSession, secret: str) -> bool:
    if not UploadSession.objects.select_for_update().filter(pk=session.pk).exists():
        return False
    if not ResumeToken.objects.filter(token_hash=hash_secret(secret), revoked_at=None).update(revoked_at=Now()):
        return False
    UploadSession.objects.filter(pk=session.pk).update(idempotency_key="")
    return True
