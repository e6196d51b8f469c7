"""The log of what engines elsewhere told us: each piece of news once, by its sender's id."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from processing.events.models import Outcome, Source
from resilience.statements import fetch

_WRITE = """
INSERT INTO processing_engineevent (event_id, source, engine, external_id, attempt_id, news, percent, phase, outcome, ended, said, body, sent_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (event_id) DO NOTHING RETURNING id"""

_SAID = "SELECT news FROM processing_engineevent WHERE external_id = %s AND engine = %s AND ended ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Record:
    """As EngineEvent; `news` in the engine's words."""

    engine: str
    external_id: str
    news: str
    outcome: Outcome
    attempt_id: str = ""
    event_id: str = ""
    source: Source = Source.EVENT
    percent: float | None = None
    phase: str = ""
    ended: bool = False
    said: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None


def write(record: Record) -> bool:
    """Write news down in the caller's transaction. False when there is some of this id already."""
    return bool(
        fetch(
            _WRITE, record.event_id or f"{record.source}:{uuid.uuid4()}", record.source, record.engine, record.external_id, record.attempt_id,
            record.news[:40], record.percent, record.phase[:60], record.outcome, record.ended, record.said[:500], json.dumps(record.body), record.sent_at,
        )
    )  # fmt: skip


def said_before(engine: str, external_id: str) -> str:
    """Return how a job ended as far as anybody told us before; empty when nobody has."""
    rows = fetch(_SAID, external_id, engine)
    return str(rows[0][0]) if rows else ""
