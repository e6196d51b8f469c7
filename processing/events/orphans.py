"""Jobs at an engine that no attempt of ours names: shown to operators, who cancel or dismiss them. Ours that were lost are adopted elsewhere."""

from __future__ import annotations

from typing import Any

import structlog
from django.db.models.functions import Now

from processing.events.envelope import ENDS, Envelope
from processing.events.models import OrphanState, RemoteOrphan, Source
from resilience.metrics import counter

log = structlog.get_logger(__name__)

FOUND = counter("holdfast_engine_orphans_total", "Jobs elsewhere that nobody here knows, when they were first seen.", ["source"])


def note_event(envelope: Envelope) -> None:
    """Note the job an event is of. How it ended counts, whatever comes later."""
    note(envelope.engine, envelope.job_id, status=envelope.status, env=envelope.env, attempt_id=envelope.attempt_id, source=Source.EVENT)


def note(engine: str, external_id: str, *, status: str, env: str, attempt_id: str, source: Source) -> None:
    """Write down a job nobody knows, or that it was seen again."""
    seen: dict[str, Any] = {"last_seen_at": Now()}
    known = RemoteOrphan.objects.filter(engine=engine, external_id=external_id)
    if not known.update(**seen):
        row = RemoteOrphan(engine=engine, external_id=external_id, status=status[:40], env=env, attempt_id=attempt_id, source=source)
        RemoteOrphan.objects.bulk_create([row], ignore_conflicts=True)
        FOUND.labels(source).inc()
        log.warning("engine_orphan.found", engine=engine, job=external_id, status=status, attempt=attempt_id, source=str(source))
    known.exclude(status__in=ENDS).update(status=status[:40])
    if status in ENDS:
        known.filter(state=OrphanState.OPEN).update(state=OrphanState.ENDED, note=f"It ended there: {status}.")


def settle(engine: str, external_id: str, state: OrphanState, note: str) -> bool:
    """Say what became of an orphan. False when that was said before."""
    open_one = RemoteOrphan.objects.filter(engine=engine, external_id=external_id, state=OrphanState.OPEN)
    return bool(open_one.update(state=state, note=note[:300], last_seen_at=Now()))
