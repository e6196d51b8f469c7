"""Ask an engine elsewhere for a job, so that one attempt never has two: its token holds for a minute only, our rows hold for ever.

1. It is written down, and committed, that the engine is being asked now (`asked_at`). 2. The engine is asked. 3. Its job's id is written
down. Whoever comes after a death between these finds an attempt in `submitting`, and goes by how long ago it was first asked for, by the
database's clock: younger than SAME_TOKEN_SECONDS, the same question again, which the engine takes for the first; older, the engine's jobs
are searched for one that bears the attempt's id, and that one is taken. When a second look after a quiet time finds none either, there is none:
the attempt is `lost`, and what comes next is decided as after any failure. An answer that never came is no failure: it is settled like a death.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db.models.functions import Now

from processing.engines.base import EngineFailure, Failure, News, Observation, RemoteJob
from processing.engines.mediaconvert.client import BEGIN_SECONDS, OutcomeUnknown
from processing.engines.mediaconvert.engine import source_url
from processing.engines.registry import is_remote, region_of, remote_engine
from processing.errors import SubmissionUnsettled
from processing.models import Attempt, AttemptState
from processing.services.observe import apply_observation, lock_job_of
from processing.services.orders import order_for, source_key
from processing.services.remote import Adopted, adopt, stop_later
from resilience.circuits import CircuitOpen
from resilience.faults import point
from resilience.statements import fetch
from resilience.transactions import retried

log = structlog.get_logger(__name__)

SAME_TOKEN_SECONDS = 45.0
LAST_SEND_SECONDS = 55.0  # nothing is sent with a token whose minute may end on the way
QUIET_SECONDS = 30.0  # between two looks: a search may not show yet what was made a moment ago
UNREACHABLE_SECONDS = 120.0  # a region that cannot even be searched for so long: the job goes on without it
AGAIN_SECONDS = 2.0

# The row is locked before the clock is read: whoever waited for it has waited.
_ASK = """
UPDATE processing_attempt a SET asked_at = coalesce(a.asked_at, clock_timestamp())
  FROM (SELECT id, asked_at FROM processing_attempt WHERE id = %s AND state = 'submitting' AND external_id = '' FOR UPDATE) was WHERE a.id = was.id
RETURNING was.asked_at IS NULL, extract(epoch FROM clock_timestamp() - a.asked_at), extract(epoch FROM clock_timestamp() - a.missed_at)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """How it stands with an attempt's question.

    Args:
        first: nobody asked before us.
        age: seconds since the first question, when `read_at` was the monotonic clock's time or later.
        missed: seconds since a first look in vain, if there was one.
    """

    first: bool
    age: float
    missed: float | None
    read_at: float

    @property
    def begin_seconds(self) -> float:
        """For how long from now a request may be sent. A process that stood still meanwhile has none left."""
        return min(BEGIN_SECONDS, LAST_SEND_SECONDS - self.age) - (time.monotonic() - self.read_at)


def carry_on(job_id: str, *, lease_lost: Callable[[], bool] = lambda: False) -> None:
    """Bring a job's attempt at an engine elsewhere from `submitting` to an answer. Safe to repeat, and to run beside another.

    Args:
        job_id: public id.
        lease_lost: says whether somebody else may be at it by now.

    Raises:
        SubmissionUnsettled: it is not known yet whether the engine has a job; come back. CircuitOpen: nothing was asked; come back.
    """
    attempt = Attempt.objects.select_related("job__source").filter(job__public_id=job_id, state=AttemptState.SUBMITTING, external_id="").first()
    if attempt is None or not is_remote(attempt.engine):
        return
    read_at = time.monotonic()
    rows = fetch(_ASK, attempt.pk)
    if not rows:
        return  # somebody else brought it on
    point("processing.submission.asked")
    asked = Asked(rows[0][0], float(rows[0][1]), None if rows[0][2] is None else float(rows[0][2]), read_at)
    if asked.age < SAME_TOKEN_SECONDS:
        _create(attempt, asked, lease_lost)
    else:
        _settle(attempt, asked)


def _create(attempt: Attempt, asked: Asked, lease_lost: Callable[[], bool]) -> None:
    """Ask, for the first time or again with the same token. Only whoever was the first and only one to ask may take a no for an answer."""
    try:
        job = _asked_for(attempt, asked)
    except OutcomeUnknown as unknown:
        raise _unsettled(attempt, str(unknown)) from unknown
    except CircuitOpen as resting:
        if asked.first and not lease_lost():
            Attempt.objects.filter(pk=attempt.pk, state=AttemptState.SUBMITTING, external_id="").delete()  # nobody heard of it: it costs no try
            raise
        raise _unsettled(attempt, str(resting), retry_after=resting.retry_after) from resting
    except EngineFailure as refused:
        if not asked.first or lease_lost() or asked.begin_seconds < 0:  # nothing came of this question; of another's nobody knows
            raise _unsettled(attempt, str(refused)) from refused
        _refused(attempt, refused.failure)
        return
    point("processing.submission.made")
    _take(attempt, job)


@retried(joins=True)
def _refused(attempt: Attempt, failure: Failure) -> None:
    """End an attempt that the engine does not take, unless it has a job after all."""
    lock_job_of(attempt.public_id)
    if Attempt.objects.filter(pk=attempt.pk, state=AttemptState.SUBMITTING, external_id="").exists():
        apply_observation(attempt.public_id, Observation(News.ERROR, failure=failure))


def _asked_for(attempt: Attempt, asked: Asked) -> RemoteJob:
    key = source_key(attempt)
    if not key:
        raise EngineFailure(Failure("engine", "SOURCE_LOST", "the source is not in the bucket of uploads"))
    order = order_for(attempt, source=source_url(region_of(attempt.engine), key))
    return remote_engine(attempt.engine).create(order, begin_seconds=asked.begin_seconds)


def _settle(attempt: Attempt, asked: Asked) -> None:
    """Find out whether the engine has a job for an attempt whose token may be over."""
    try:
        found = remote_engine(attempt.engine).find(attempt.public_id, source_key(attempt))
    except (EngineFailure, CircuitOpen) as away:
        if asked.age < UNREACHABLE_SECONDS:
            raise _unsettled(attempt, str(away), retry_after=getattr(away, "retry_after", None)) from away
        _go_on_without(attempt, str(away))
        return
    point("processing.submission.searched")
    if found:
        log.warning("attempt.found", attempt=attempt.public_id, external_id=found[0].external_id, jobs=len(found))
        _take(attempt, found[0])
        for other in found[1:]:
            adopt(attempt.public_id, other.external_id, region=region_of(attempt.engine))
    elif asked.missed is None:
        Attempt.objects.filter(pk=attempt.pk, missed_at__isnull=True).update(missed_at=Now())
        raise _unsettled(attempt, "not found; a second look follows", retry_after=QUIET_SECONDS)
    elif asked.missed < QUIET_SECONDS:
        raise _unsettled(attempt, "not found; a second look follows", retry_after=QUIET_SECONDS - asked.missed)
    else:
        apply_observation(attempt.public_id, Observation(News.ERROR, failure=Failure("engine", "LOST", "asked for, not answered, and not found twice")))


def _take(attempt: Attempt, job: RemoteJob) -> None:
    """Write down the job's id. If the attempt is over, or has another job by now, `adopt` says what becomes of this one."""
    if not apply_observation(attempt.public_id, Observation(News.SUBMITTED, external_id=job.external_id)):
        taken = adopt(attempt.public_id, job.external_id, region=region_of(attempt.engine))
        if taken is Adopted.UNKNOWN:  # its video was deleted meanwhile
            stop_later(attempt.public_id, job.external_id, engine=attempt.engine)
        return
    point("processing.submission.named")
    if job.observation.news is not News.SUBMITTED:
        apply_observation(attempt.public_id, job.observation)  # it may be done: nobody may tell us a second time


@retried(joins=True)
def _go_on_without(attempt: Attempt, words: str) -> None:
    """End an attempt whose region is away; whatever it may have made of it is stopped once it answers again."""
    if apply_observation(attempt.public_id, Observation(News.ERROR, failure=Failure("botocore", "OutcomeUnknown", words))):
        stop_later(attempt.public_id, "", engine=attempt.engine, source=source_key(attempt))


def _unsettled(attempt: Attempt, words: str, *, retry_after: float | None = None) -> SubmissionUnsettled:
    log.warning("attempt.unsettled", attempt=attempt.public_id, engine=attempt.engine, reason=words)
    return SubmissionUnsettled(retry_after=min(max(retry_after or AGAIN_SECONDS, AGAIN_SECONDS), QUIET_SECONDS))
