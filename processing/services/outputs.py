"""Take away files nobody will ask for again."""

from __future__ import annotations

import re

import structlog

from processing.store import delete_tree, owners
from resilience.faults import point
from uploads.models import Video

log = structlog.get_logger(__name__)

BATCH = 500
_OURS = re.compile(r"vid_[0-9a-z]{20}")  # whatever else lies there is not ours to delete


def delete_outputs(video_id: str) -> int:
    """Delete every file of a video that is gone, of whichever job and attempt; return how many. A video that still exists keeps its own."""
    if Video.objects.filter(public_id=video_id).exists():
        return 0
    gone = delete_tree(video_id)
    point("processing.outputs.deleted")
    log.info("outputs.deleted", video=video_id, files=gone)
    return gone


def reap_deleted(*, dry_run: bool = False) -> int:
    """Delete what lies in the store for videos that are gone: written after its deletion, or left by one that was given up. Return how many videos."""
    names = sorted(name for name in owners() if _OURS.fullmatch(name))
    found = [name for start in range(0, len(names), BATCH) for name in _without_video(names[start : start + BATCH])]
    for name in [] if dry_run else found:
        delete_outputs(name)
    return len(found)


def _without_video(names: list[str]) -> list[str]:
    known = set(Video.objects.filter(public_id__in=names).values_list("public_id", flat=True))
    return [name for name in names if name not in known]
