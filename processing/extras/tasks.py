"""Durable task bodies of what is made besides qualities. They wait for qualities rather than the other way round."""

from __future__ import annotations

from processing.extras import services
from processing.services.outputs import reap_deleted
from resilience.reapers import MINUTE, reaper
from resilience.tasks import TaskContext, durable


@durable("processing.download", timeout=3900, tries=4, on_dead=services.is_dead)
def download(context: TaskContext, *, extra: int) -> None:
    services.make(context, extra)


@durable("processing.thumbnails", timeout=3900, tries=4, priority=80, on_dead=services.is_dead)
def thumbnails(context: TaskContext, *, extra: int) -> None:
    services.make(context, extra)


reaper("processing.deleted", every=60 * MINUTE, frees_disk=True, about="Removes what lies in the store for videos that are gone.")(reap_deleted)
