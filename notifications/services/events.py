"""Append to the event log: what the live stream replays and the timeline shows."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from notifications.models import Event
from resilience.http.request_ids import current_request_id
from uploads.models import Video

CHANNEL = "holdfast_events"
_SENTENCE_LENGTH = 300


@transaction.atomic
def record(
    *,
    user: User,
    kind: str,
    video: Video | None = None,
    sentence: str = "",
    data: dict[str, Any] | None = None,
) -> Event:
    """Insert an event of one person and wake their live streams when the transaction commits.

    1. Take the person's lock, held until the transaction ends: ids of one person's events grow in commit order, so a stream that has
       seen id n has missed nothing below n.
    2. Insert the row.
    3. NOTIFY with the person's key: PostgreSQL delivers it on commit, and never for what was rolled back.

    Args:
        kind: `video.changed`, `job.progress`, `notification.created`, …
        sentence: for the timeline, in plain words; empty keeps the event out of it.
        data: JSON for programs; `video` is added.
    """
    lock_stream_of(user)
    told = {"video": video.public_id} if video is not None else {}
    event = Event.objects.create(
        user=user,
        video=video,
        kind=kind,
        sentence=sentence[:_SENTENCE_LENGTH],
        data=told | (data or {}),
        request_id=current_request_id(),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(user.pk)])
    return event


def lock_stream_of(user: User) -> None:
    """Take the lock under which one person's events are numbered, until the running transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{CHANNEL}:{user.pk}"])
