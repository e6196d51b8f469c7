"""Take away files nobody will ask for again."""

from __future__ import annotations

import structlog

from processing.store import delete_tree
from resilience.faults import point
from uploads.models import Video

log = structlog.get_logger(__name__)


def delete_outputs(video_id: str) -> int:
    """Delete every rendition of a video that is gone; return the number of files. A video that still exists keeps its own."""
    if Video.objects.filter(public_id=video_id).exists():
        return 0
    gone = delete_tree(video_id)
    point("processing.outputs.deleted")
    log.info("outputs.deleted", video=video_id, files=gone)
    return gone
