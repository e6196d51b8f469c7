"""Append to the event log: what the live stream replays and the timeline shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from notifications.models import Event
from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.statements import fetch
from resilience.transactions import retried
from uploads.models import Video

CHANNEL = "holdfast_events"
_SENTENCE_LENGTH = 300
# The locks in order of the people, all before the first row gets its id; the news of a row and its wake-up as one.
_RECORD = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(%s || person, 0)) FROM unnest(%s::text[]) AS person),
     all_held AS MATERIALIZED (SELECT count(*) FROM held),
     made AS (
        INSERT INTO notifications_event (user_id, video_id, kind, sentence, data, request_id)
        SELECT user_id, video_id, kind, sentence, data, request_id
          FROM all_held, json_to_recordset(%s::json) AS (user_id bigint, video_id bigint, kind text, sentence text, data jsonb, request_id text)
        RETURNING id
     )
SELECT pg_notify(%s, person) FROM unnest(%s::text[]) AS person, (SELECT count(*) FROM made) AS done
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of several: as the arguments of `record`, by keys."""

    user_id: int
    kind: str
    video_id: int
    video: str  # its public id
    sentence: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""


@retried(joins=True)
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
    point("notifications.event.inserted")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(user.pk)])
    return event


def record_many(entries: Sequence[Entry]) -> None:
    """Do what `record` does, for events of several people, inside the caller's transaction and with one statement."""
    people = [str(user_id) for user_id in sorted({entry.user_id for entry in entries})]
    rows = [
        {
            "user_id": entry.user_id,
            "video_id": entry.video_id,
            "kind": entry.kind,
            "sentence": entry.sentence[:_SENTENCE_LENGTH],
            "data": {"video": entry.video} | entry.data,
            "request_id": entry.request_id,
        }
        for entry in entries
    ]
    fetch(_RECORD, f"{CHANNEL}:", people, json.dumps(rows), CHANNEL, people)
    point("notifications.event.many_inserted")


def lock_stream_of(user: User) -> None:
    """Take the lock under which one person's events are numbered, until the running transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{CHANNEL}:{user.pk}"])
