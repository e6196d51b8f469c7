"""The rows of the chain: written with the offset by one statement, read together, removed when the whole file's digest says it all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, sql
from django.db.models.functions import Now

from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSegment, UploadSession

from .chain import Segment, first_link, next_link

PRUNE_BATCH = 20_000
CORRUPT_KEPT = timedelta(days=7)  # as long as the bytes are kept for a look
_INSERT = """
WITH moved AS ({update} RETURNING id)
INSERT INTO uploads_uploadsegment (session_id, start, length, sha256, chain) SELECT id, %s, %s, %s, %s FROM moved
"""


def move_and_record(rows: QuerySet[UploadSession], values: dict[str, Any], segment: Segment) -> bool:
    """Update the one session that `rows` names and insert its segment, as a single statement: neither is ever there without the other.

    Returns:
        False when no session was in that state; nothing is written then.
    """
    query: Any = rows.query.chain(sql.UpdateQuery)  # what QuerySet.update does; the stubs do not know it
    query.add_update_values(values | {"chain": segment.chain})
    update, parameters = query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(update=update), [*parameters, segment.start, segment.length, segment.sha256, segment.chain])
        return bool(cursor.rowcount)


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
