"""Ask engines elsewhere how jobs go that nobody tells us about.

An attempt is due when nothing was heard of it for three of the intervals its engine reports in; having been asked about, it is due again after
1, 2, 4, 8, then every 10 minutes, until its engine tells something by itself. All questions of the fleet come out of one budget (`budget.py`):
while news flows none is asked, and when it stops, those that were quiet longest come first.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import DurationField, F, Func, Q, QuerySet
from django.db.models.functions import Greatest, Now

from processing.engines.base import ENDED_RANK, RANK, EngineFailure, News, Observation
from processing.engines.registry import is_remote
from processing.events import budget, record
from processing.events.models import Outcome, Source
from processing.models import Attempt, AttemptState
from processing.services import remote
from processing.services.observe import apply_observation, lock_job_of
from resilience.bulkheads import DependencyBusy
from resilience.circuits import rests
from resilience.faults import point
from resilience.models import Task
from resilience.models.tasks import LIVE_STATES
from resilience.tasks import enqueue
from resilience.transactions import retried

log = structlog.get_logger(__name__)

ASK = "processing.ask"
SILENT_INTERVALS = 3
WATCHED = (AttemptState.SUBMITTED, AttemptState.PROGRESSING)
LOST_AFTER_POLLS = 1  # an engine that does not know a job says so twice before it is believed
STATUS = {News.SUBMITTED: "SUBMITTED", News.PROGRESSING: "PROGRESSING", News.COMPLETE: "COMPLETE", News.ERROR: "ERROR", News.CANCELED: "CANCELED"}


class Pause(Func):
    """How long after it was asked about an attempt is due again: 1, 2, 4, 8, then 10 minutes."""

    template = "make_interval(secs => least(600, 60 * power(2, least(greatest(%(expressions)s, 1), 10) - 1)))"
    output_field = DurationField()


def silent_after() -> timedelta:
    return timedelta(seconds=SILENT_INTERVALS * settings.MEDIACONVERT_STATUS_SECONDS)


def due() -> QuerySet[Attempt]:
    """Return attempts to ask about, those that were quiet longest first."""
    told_since = Q(polled_at__isnull=True) | Q(polled_at__lt=F("observed_at"))
    quiet = Attempt.objects.filter(state__in=WATCHED, observed_at__lt=Now() - silent_after(), engine__startswith="mediaconvert:").exclude(external_id="")
    return quiet.filter(told_since | Q(polled_at__lt=Now() - Pause(F("polls")))).order_by(Greatest("observed_at", "polled_at"), "pk")


def watch_remote(*, dry_run: bool = False) -> int:
    """Have workers ask about attempts that are due, as many as the budget allows. Return how many."""
    if dry_run:
        return due().count()
    engines = due().order_by().values_list("engine", flat=True).distinct()
    awake = [name for name in engines if not rests(f"engine.{name}")]
    asked = Task.objects.filter(kind=ASK, state__in=LIVE_STATES).values("key")
    wanted = list(due().filter(engine__in=awake).exclude(public_id__in=asked).values_list("public_id", flat=True)[: int(budget.BURST)]) if awake else []
    return sum(ask_later(attempt_id, paid=True) for attempt_id in wanted[: budget.take_up_to(len(wanted))])


def ask_later(attempt_id: str, *, paid: bool = False) -> bool:
    """Put down that an attempt is to be asked about, in the caller's transaction if there is one. False when it is already.

    Args:
        paid: the token for it was taken.
    """
    return enqueue(ASK, key=attempt_id, payload={"attempt_id": attempt_id, "paid": paid}) is not None


def ask(attempt_id: str, *, paid: bool = False) -> Outcome | None:
    """Ask the engine of an attempt how its job goes, and believe it.

    Returns:
        What came of it; None when there was nothing to ask, or no answer.

    Raises:
        CircuitOpen: it rests, or the budget is used up. Come back.
    """
    attempt = Attempt.objects.filter(public_id=attempt_id).exclude(external_id="").first()
    if attempt is None or not is_remote(attempt.engine):
        return None
    if not paid and budget.take():
        raise DependencyBusy(circuit=attempt.engine, limit=int(budget.BURST))
    try:
        news = remote.ask(attempt)
    except EngineFailure as failed:
        log.warning("attempt.not_answered", attempt=attempt_id, engine=attempt.engine, reason=str(failed))
        _note_asked(attempt)
        return None
    point("processing.watch.answered")
    return believe(attempt, news)


@retried(joins=True)
def believe(attempt: Attempt, news: Observation, *, source: Source = Source.POLL) -> Outcome:
    """Apply what the engine answered, and note that it was asked. It says how the job ended whatever was said before.

    Args:
        attempt: as it was before the question.
    """
    if _is_lost(news) and _asked_before(attempt) < LOST_AFTER_POLLS:
        _note_asked(attempt)
        return Outcome.NO_CHANGE
    lock_job_of(attempt.public_id)
    ends = RANK[news.news] == ENDED_RANK
    before = record.said_before(attempt.engine, attempt.external_id) if ends else ""
    changed = apply_observation(attempt.public_id, news)
    _note_asked(attempt)
    status = "LOST" if _is_lost(news) else STATUS[news.news]
    outcome = _outcome(status, before=before, changed=changed)
    if outcome is not Outcome.NO_CHANGE or (ends and not before):
        record.write(
            record.Record(
                engine=attempt.engine, external_id=attempt.external_id, attempt_id=attempt.public_id, news=status, source=source, outcome=outcome,
                percent=news.percent, phase=news.phase, ended=ends and not before, said=f"{before} was said before." if before not in ("", status) else "",
            )
        )  # fmt: skip
    point("processing.watch.believed")
    return outcome


def _outcome(status: str, *, before: str, changed: bool) -> Outcome:
    if before not in ("", status) and not changed:
        return Outcome.CONTRADICTS
    return Outcome.APPLIED if changed else Outcome.NO_CHANGE


def _is_lost(news: Observation) -> bool:
    return news.failure is not None and (news.failure.source, news.failure.code) == ("engine", "LOST")


def _note_asked(attempt: Attempt) -> None:
    """Count the question. `attempt` is as it was before it."""
    Attempt.objects.filter(pk=attempt.pk).update(polled_at=Now(), polls=min(_asked_before(attempt) + 1, 1_000))


def _asked_before(attempt: Attempt) -> int:
    """Return how often an attempt was asked about since its engine last told something by itself."""
    told = attempt.polled_at is None or (attempt.observed_at is not None and attempt.observed_at > attempt.polled_at)
    return 0 if told else attempt.polls
