"""End what takes longer at an engine elsewhere than anything may."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now

from processing.engines.base import Failure, News, Observation
from processing.events import record
from processing.events.models import Outcome, Source
from processing.models import LIVE_ATTEMPT_STATES, Attempt, AttemptState
from processing.services import remote
from processing.services.observe import apply_observation, lock_job_of
from resilience.faults import point
from resilience.transactions import retried

log = structlog.get_logger(__name__)

LONGEST = timedelta(hours=48)  # MediaConvert itself ends a job after that
TIMES_DURATION = 20
BESIDES = timedelta(hours=1)
BATCH = 200


def cap(duration_s: float | None) -> timedelta:
    """Return how long a job may take whose source lasts so many seconds; None where nobody knows."""
    return LONGEST if duration_s is None else min(LONGEST, TIMES_DURATION * timedelta(seconds=max(0.0, duration_s)) + BESIDES)


def stalled() -> list[Attempt]:
    """Return attempts over their cap, by the database's clock."""
    began = Attempt.objects.filter(state__in=(AttemptState.SUBMITTED, AttemptState.PROGRESSING), engine__startswith="mediaconvert:")
    age = ExpressionWrapper(Now() - F("started_at"), output_field=DurationField())
    old = began.filter(started_at__lt=Now() - BESIDES).annotate(age=age, source_s=F("job__source__probe__duration_s")).order_by("started_at")
    return [attempt for attempt in old.iterator(chunk_size=500) if attempt.age > cap(_seconds(attempt.source_s))]


def end_stalled(*, dry_run: bool = False) -> int:
    """End attempts over their cap, and have their jobs stopped. Return how many."""
    found = stalled()[:BATCH]
    return len(found) if dry_run else sum(_end(attempt) for attempt in found)


@retried(joins=True)
def _end(attempt: Attempt) -> bool:
    lock_job_of(attempt.public_id)
    failure = Failure("engine", "STALLED", f"no end after {attempt.age}")  # type: ignore[attr-defined] # annotated
    if not apply_observation(attempt.public_id, Observation(News.ERROR, failure=failure)):
        return False
    if attempt.external_id:
        remote.stop_later(attempt.public_id, attempt.external_id, engine=attempt.engine)
    record.write(
        record.Record(
            engine=attempt.engine, external_id=attempt.external_id, attempt_id=attempt.public_id, news="STALLED", source=Source.SWEEP,
            outcome=Outcome.APPLIED, said=failure.message,
        )
    )  # fmt: skip
    point("processing.stalls.ended")
    log.error("attempt.stalled", attempt=attempt.public_id, engine=attempt.engine, external_id=attempt.external_id)
    return True


def live_attempts() -> QuerySet[Attempt]:
    """Return every attempt an engine elsewhere may work for."""
    return Attempt.objects.filter(state__in=LIVE_ATTEMPT_STATES, engine__startswith="mediaconvert:").select_related("job").order_by("pk")


def _seconds(value: object) -> float | None:
    """A source's length as its probe has it, which may be anything."""
    return float(value) if isinstance(value, int | float) else None
