"""End what takes longer at an engine elsewhere than anything may, and go on with what nobody settles."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from processing.engines.base import Failure, News, Observation
from processing.events import record
from processing.events.models import Outcome, Source
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState
from processing.services import remote
from processing.services.observe import apply_observation, lock_job_of
from resilience.faults import point
from resilience.models import Task
from resilience.models.tasks import LIVE_STATES
from resilience.tasks import enqueue
from resilience.transactions import retried

log = structlog.get_logger(__name__)

LONGEST = timedelta(hours=48)  # MediaConvert itself ends a job after that
TIMES_DURATION = 20
BESIDES = timedelta(hours=1)
UNSETTLED = timedelta(seconds=60)  # an attempt that is being asked for changes within that, or a task of it waits
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


def unsettled() -> QuerySet[Attempt]:
    """Return attempts that an engine elsewhere is being asked for, and nobody brings on."""
    tasks = Task.objects.filter(state__in=LIVE_STATES, kind="processing.submit")
    mine = tasks.annotate(job=KT("payload__job_id")).filter(job=OuterRef("job__public_id"))
    asking = Attempt.objects.filter(state__in=(AttemptState.CREATED, AttemptState.SUBMITTING), engine__startswith="mediaconvert:")
    return asking.filter(~Exists(mine), job__state__in=LIVE_JOB_STATES, created_at__lt=Now() - UNSETTLED).select_related("job").order_by("pk")


def settle_unsettled(*, dry_run: bool = False) -> int:
    """Put down a new task for each of them. Return how many."""
    found = list(unsettled()[:BATCH])
    return len(found) if dry_run else sum(bring_on(attempt) for attempt in found)


def bring_on(attempt: Attempt) -> bool:
    key = f"{attempt.job.public_id}:{attempt.public_id}"
    return enqueue("processing.submit", key=key, payload={"job_id": attempt.job.public_id, "engine": attempt.engine, "salvage": attempt.salvage}) is not None


def unverified() -> QuerySet[Attempt]:
    """Return attempts whose outputs are to be looked at, and nobody does."""
    tasks = Task.objects.filter(state__in=LIVE_STATES, kind="processing.verify", key=OuterRef("public_id"))
    ended = Attempt.objects.filter(state=AttemptState.VERIFYING, engine__startswith="mediaconvert:", observed_at__lt=Now() - UNSETTLED)
    return ended.filter(~Exists(tasks), job__state__in=LIVE_JOB_STATES).select_related("job").order_by("pk")


def verify_unverified(*, dry_run: bool = False) -> int:
    """Put down a new task for each of them. Return how many."""
    found = list(unverified()[:BATCH])
    return len(found) if dry_run else sum(verify_again(attempt) for attempt in found)


def verify_again(attempt: Attempt) -> bool:
    payload = {"job_id": attempt.job.public_id, "attempt_id": attempt.public_id}
    return enqueue("processing.verify", key=attempt.public_id, payload=payload) is not None


def live_attempts() -> QuerySet[Attempt]:
    """Return every attempt an engine elsewhere may work for."""
    return Attempt.objects.filter(state__in=LIVE_ATTEMPT_STATES, engine__startswith="mediaconvert:").select_related("job").order_by("pk")


def _seconds(value: object) -> float | None:
    """A source's length as its probe has it, which may be anything."""
    return float(value) if isinstance(value, int | float) else None
