"""Every change of a `Video`. A state is only ever set by compare-and-set, and the rooms above are told in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from resilience.http.errors import NotFound, VersionConflict
from resilience.statements import fetch
from resilience.transactions import retried
from uploads.models import Video, VideoState
from uploads.services.clean import clean_title
from uploads.signals import VideoChange, video_changed, videos_changed

_CHECK = """
UPDATE uploads_video SET state = %s, error_code = '', error_fields = '{}', version = version + 1, updated_at = statement_timestamp()
 WHERE id IN (SELECT id FROM uploads_video WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE) AND state = %s
RETURNING id, public_id, owner_id, title, state, version
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that arrived whole: its video, its bytes, and the request that brought the last of them."""

    video_id: int
    size: int
    request_id: str


def video_of(owner: User, public_id: str) -> Video | None:
    """Return the video that is to get a new file; None where none is named.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    if not public_id:
        return None
    video = Video.objects.filter(owner=owner, public_id=public_id[:40]).first()
    if video is None:
        raise NotFound
    return video


@retried(joins=True)
def set_video_state(
    video_id: int | None,
    to: str,
    *,
    only_from: Iterable[str],
    error_code: str = "",
    error_fields: dict[str, Any] | None = None,
    **values: Any,
) -> bool:
    """Move a video to another state, if it is in one of `only_from`.

    Args:
        video_id: primary key; None stands for an upload without a video, for which nothing is done.
        error_code: catalogue code shown with the new state; empty takes an old one away.
        values: further columns to set with it (duration_s, width, height, media_kind).

    Returns:
        False when it was in none of those states: somebody else moved it, and nothing was done.
    """
    if video_id is None:
        return False
    rows = Video.objects.select_for_update(of=("self",)).select_related("owner")  # whoever is told needs the owner
    video = rows.filter(pk=video_id, state__in=list(only_from)).first()
    if video is None:
        return False
    before = video.state
    changed = Video.objects.filter(pk=video_id, state=before).update(
        state=to, error_code=error_code, error_fields=error_fields or {}, version=F("version") + 1, updated_at=Now(), **values
    )
    video.refresh_from_db(fields=["state", "error_code", "error_fields", "version", "updated_at", *values])
    video_changed.send(sender=Video, video=video, before=before)
    return bool(changed)


def check_videos(arrivals: Sequence[Arrival]) -> None:
    """Say of videos that receive that their files are being checked. Called in the transaction in which the files arrived whole."""
    by_video = {arrival.video_id: arrival for arrival in arrivals}
    rows = fetch(_CHECK, VideoState.CHECKING, list(by_video), VideoState.RECEIVING)
    changes = []
    for pk, public_id, owner_id, title, state, version in rows:
        size, request_id = by_video[pk].size, by_video[pk].request_id
        changes.append(VideoChange(pk, public_id, owner_id, title, state, version, before=VideoState.RECEIVING, received=size, request_id=request_id))
    if changes:
        videos_changed.send(sender=Video, changes=changes)


def rename_video(video: Video, *, title: str, version: int | None = None, seen: str | None = None) -> Video:
    """Give a video another title; an empty one changes nothing.

    Args:
        version: of the video as the caller saw it; None does not care.
        seen: the title the caller saw; None does not care. Unlike the version, it is not moved by what happens to the file.

    Raises:
        VersionConflict: the video changed since.
    """
    cleaned = clean_title(title)
    if not cleaned:
        return video
    _set_title(video, cleaned, version, seen)
    return video


@retried(joins=True)
def _set_title(video: Video, title: str, version: int | None, seen: str | None) -> None:
    unchanged = {name: value for name, value in (("version", version), ("title", seen)) if value is not None}
    if not Video.objects.filter(pk=video.pk, **unchanged).update(title=title, version=F("version") + 1, updated_at=Now()):
        current = Video.objects.filter(pk=video.pk).values("title", "version").first()
        if version is None and current is not None and current["title"] == title:
            return  # sent twice, or thought of twice
        raise VersionConflict(current=current, yours={"title": title})
    video.refresh_from_db()
    video_changed.send(sender=Video, video=video, before=video.state)
