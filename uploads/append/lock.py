"""Taking an upload's bytes from whoever wrote them last, in whatever process that is, and giving them back."""

from __future__ import annotations

import asyncio

import structlog

from resilience.http.translate import DATABASE_DOWN
from uploads.errors import UploadBusy
from uploads.models import UploadSession
from uploads.services.lease import Lease, ask_to_stop, release_lease
from uploads.store import Appender, StoreBusy, store
from uploads.threads import database, files

from . import active

log = structlog.get_logger(__name__)

LOCK_POLL_SECONDS = 0.03


async def lock(session: UploadSession) -> Appender:
    """Take the bytes; a writer in another process is asked to stop first.

    Raises:
        UploadBusy: it did not stop in time.
        StoreMissing: the bytes are not there.
    """
    loop = asyncio.get_running_loop()
    deadline, asked = loop.time() + active.HAND_OVER_SECONDS, False
    while True:
        try:
            return await files(store().open, session.storage_key)
        except StoreBusy:
            if loop.time() > deadline and not await files(store().take_over, session.storage_key):
                raise UploadBusy(retry_after=1) from None
        if not asked:
            await database(ask_to_stop, session.pk)
            asked = True
        await asyncio.sleep(LOCK_POLL_SECONDS)


async def release(lease: Lease, *, upload: str) -> None:
    """Give back a lease that no commit gave back."""
    try:
        await database(release_lease, lease)
    except DATABASE_DOWN as failure:  # the lock on the bytes is what others look at; the row only hints
        log.warning("upload.lease_not_released", upload=upload, reason=type(failure).__name__)
