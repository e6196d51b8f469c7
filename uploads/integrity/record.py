"""The rows of the chain: written with the offset by one statement, read together, removed when the whole file's digest says it all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from resilience.statements import fetch
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSegment, UploadSession
from uploads.services.lease import LEASE_SECONDS

from .chain import Segment, first_link, next_link

PRUNE_BATCH = 20_000
CORRUPT_KEPT = timedelta(days=7)  # as long as the bytes are kept for a look
# Compare-and-set of the offsets and the segments they cover, as one statement: neither is ever there without the other.
_MOVE = """
WITH moved AS (
    UPDATE uploads_uploadsession AS s
       SET committed = g.new, updated_at = statement_timestamp(), chain = coalesce(g.chain, s.chain),
           state = CASE WHEN g.whole THEN %s ELSE s.state END,
           received_at = CASE WHEN g.whole THEN statement_timestamp() ELSE s.received_at END,
           expires_at = CASE WHEN g.whole THEN s.expires_at ELSE statement_timestamp() + make_interval(secs => %s) END,
           lease_owner = CASE WHEN g.last THEN '' ELSE s.lease_owner END,
           lease_expires_at = CASE WHEN g.last THEN NULL ELSE statement_timestamp() + make_interval(secs => %s) END,
           resumes = s.resumes + g.interrupted::int
      FROM json_to_recordset(%s::json) AS g (session_id bigint, epoch bigint, old bigint, new bigint, whole boolean, last boolean, interrupted boolean,
                                             start bigint, length bigint, sha256 text, chain text)
     WHERE s.id = g.session_id AND s.epoch = g.epoch AND s.committed = g.old AND s.state = %s
    RETURNING s.id, s.public_id, s.video_id, s.role, s.committed, s.expires_at, g.whole, g.start, g.length, g.sha256, g.chain
), recorded AS (
    INSERT INTO uploads_uploadsegment (session_id, start, length, sha256, chain)
    SELECT id, start, length, sha256, chain FROM moved WHERE sha256 IS NOT NULL
)
SELECT id, public_id, video_id, role, committed, expires_at, whole FROM moved
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One offset's way from `old` to `new`, under the lease of `epoch`.

    Args:
        whole: the file ends there.
        last: the lease is given back.
        interrupted: counts as a resume to come.
        segment: of the bytes in between; None when they did not come through us.
    """

    session_id: int
    epoch: int
    old: int
    new: int
    whole: bool
    last: bool
    interrupted: bool = False
    segment: Segment | None = None

    def as_row(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in ("session_id", "epoch", "old", "new", "whole", "last", "interrupted")}
        return row if self.segment is None else row | asdict(self.segment)


@dataclass(frozen=True, slots=True)
class Moved:
    """A session whose offset moved; `size` is where it is now, bytes, and `expires_at` when it ends unless more comes."""

    session_id: int
    public_id: str
    video_id: int | None
    role: str
    size: int
    expires_at: datetime
    whole: bool


def move_and_record(moves: Sequence[Move]) -> list[Moved]:
    """Move the offsets of several sessions, and record what they cover. Only those are returned that were where their moves begin."""
    values = json.dumps([move.as_row() for move in moves])
    rows = fetch(_MOVE, SessionState.RECEIVED, settings.UPLOAD_EXPIRY_SECONDS, LEASE_SECONDS, values, SessionState.RECEIVING)
    return [Moved(*row) for row in rows]


def recorded(session: UploadSession) -> tuple[int, str, list[Segment]]:
    """Return committed offset, chain and segments of a session as they are at one moment: one statement reads them all."""
    rows = UploadSession.objects.filter(pk=session.pk).order_by("segments__start")
    found = list(rows.values_list("committed", "chain", "segments__start", "segments__length", "segments__sha256", "segments__chain"))
    committed, chain = found[0][:2] if found else (0, "")
    return committed, chain, [Segment(*row[2:]) for row in found if row[2] is not None]


def carry_over(joined: UploadSession, parts: Iterable[UploadSession]) -> None:
    """Give an upload joined from parts the segments of its parts, each where it now stands, as a chain of its own.

    Called inside the transaction that completes it, so that what rots between the parts and the inspection of the whole is found too.
    """
    link, start, rows = first_link(joined.public_id), 0, []
    for part in parts:
        for segment in recorded(part)[2]:
            at = start + segment.start
            link = next_link(link, digest=segment.sha256, start=at, length=segment.length)
            rows.append(UploadSegment(session=joined, start=at, length=segment.length, sha256=segment.sha256, chain=link))
        start += part.committed
    if rows:
        UploadSegment.objects.bulk_create(rows, batch_size=500)
        UploadSession.objects.filter(pk=joined.pk).update(chain=link)


def prune_segments(*, dry_run: bool = False) -> int:
    """Delete the segments of sessions that are over: by then the digest of the whole file is known, or its bytes are gone.

    Returns:
        How many were (or would be) deleted.
    """
    over = ~Q(session__state__in=[*OPEN_SESSION_STATES, SessionState.RECEIVED, SessionState.CORRUPT])
    looked_at = Q(session__state=SessionState.CORRUPT, session__ended_at__lte=Now() - CORRUPT_KEPT)
    stale = UploadSegment.objects.filter(over | looked_at)
    if dry_run:
        return stale.count()
    return UploadSegment.objects.filter(pk__in=stale.values("pk")[:PRUNE_BATCH]).delete()[0]
