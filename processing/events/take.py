"""Take in one piece of news of a job elsewhere. Safe to do with the same news any number of times, in any order, and by several at once.

1. Whose is it? Of another installation: not ours to keep. A job that names an attempt of ours which does not know it is adopted; one that
names none lies among the orphans, for operators.
2. One transaction applies the news and writes it down under its sender's id: where that is taken already, nothing of it happens.
3. How a job ended is believed once. What contradicts it later is not: the engine is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings

from processing.engines.base import Observation
from processing.events import orphans, record
from processing.events.envelope import ENDS, Envelope, Malformed, Status, observation, read
from processing.events.models import EngineEvent, Outcome, Source
from processing.services import remote
from processing.services.observe import apply_observation
from resilience.faults import point
from resilience.metrics import counter
from resilience.redaction import payload_without_secrets, without_secrets
from resilience.statements import fetch
from resilience.tasks import enqueue
from resilience.transactions import retried

log = structlog.get_logger(__name__)

TAKEN = counter("holdfast_engine_events_total", "News of jobs elsewhere, by what it said and what came of it.", ["news", "outcome"])
LONGEST_BODY = 20_000  # characters kept of what cannot be read
FOREIGN, REPEATED = "foreign", "repeated"

_OF_JOB = "SELECT public_id FROM processing_attempt WHERE external_id = %s AND external_id <> '' AND engine = %s ORDER BY id LIMIT 1"
# The job before its attempt, as everybody locks them.
_LOCK = "SELECT j.id FROM processing_job j JOIN processing_attempt a ON a.job_id = j.id WHERE a.public_id = %s FOR UPDATE OF j"


class Heard(Exception):
    """This very event was taken in before."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of news. `ended`: it was the first to say how the job ended at its engine."""

    outcome: Outcome
    ended: bool = False
    said: str = ""


def take(text: str, *, message_id: str) -> str:
    """Take in a message's body.

    Args:
        message_id: the queue's own id of it; what cannot be read is kept under that.

    Returns:
        What came of it: an Outcome, FOREIGN (of another installation) or REPEATED.
    """
    try:
        envelope = read(text)
    except Malformed as malformed:
        return _keep(text, message_id, str(malformed))
    outcome = FOREIGN if envelope.env not in ("", settings.ENVIRONMENT) else _take(envelope)
    TAKEN.labels(envelope.status if envelope.status in set(Status) else "other", outcome).inc()
    return outcome


def _take(envelope: Envelope) -> str:
    attempt_id, adopted = _attempt_of(envelope)
    if not attempt_id:
        orphans.note_event(envelope)
    point("processing.events.before_apply")
    try:
        return str(_take_in(envelope, attempt_id, adopted=adopted))
    except Heard:
        return REPEATED


def _attempt_of(envelope: Envelope) -> tuple[str, bool]:
    """Return the public id of the attempt an event is of, empty when there is none, and whether the attempt learned of its job just now."""
    known = fetch(_OF_JOB, envelope.job_id, envelope.engine)
    if known or not envelope.attempt_id:
        return str(known[0][0]) if known else "", False
    adopted = remote.adopt(envelope.attempt_id, envelope.job_id, region=envelope.region)
    point("processing.events.adopted")
    ours = adopted in (remote.Adopted.ADOPTED, remote.Adopted.KNOWN)
    return (envelope.attempt_id if ours else ""), adopted is remote.Adopted.ADOPTED


@retried(joins=True)
def _take_in(envelope: Envelope, attempt_id: str, *, adopted: bool) -> Outcome:
    """Raises: Heard."""
    news = observation(envelope)
    effect = Effect(Outcome.UNKNOWN)
    if attempt_id:
        effect = apply_news(attempt_id, news, engine=envelope.engine, external_id=envelope.job_id, status=envelope.status)
    outcome = Outcome.ADOPTED if adopted and effect.outcome in (Outcome.NO_CHANGE, Outcome.NOTED) else effect.outcome
    kept = {} if envelope.status == Status.STATUS_UPDATE else payload_without_secrets(envelope.body)  # it comes every few seconds
    written = record.write(
        record.Record(
            event_id=envelope.event_id, engine=envelope.engine, external_id=envelope.job_id, attempt_id=attempt_id, news=envelope.status,
            percent=news.percent if news else None, phase=news.phase if news else "", outcome=outcome, ended=effect.ended, said=effect.said,
            body=kept, sent_at=envelope.sent_at,
        )
    )  # fmt: skip
    if not written:
        raise Heard
    point("processing.events.applied")
    return outcome


def apply_news(attempt_id: str, news: Observation | None, *, engine: str, external_id: str, status: str) -> Effect:
    """Apply what an engine says of an attempt, in the caller's transaction."""
    if news is None:
        return Effect(Outcome.NOTED)
    if status not in ENDS:
        return Effect(Outcome.APPLIED if apply_observation(attempt_id, news) else Outcome.NO_CHANGE)
    fetch(_LOCK, attempt_id)  # of two that say how it ended, one is first
    before = record.said_before(engine, external_id)
    if before and before != status:
        log.warning("engine_event.contradicts", attempt=attempt_id, job=external_id, before=before, now=status)
        enqueue("processing.ask", key=attempt_id, payload={"attempt_id": attempt_id})
        return Effect(Outcome.CONTRADICTS, said=f"{before} was said before; the engine is asked.")
    return Effect(Outcome.APPLIED if apply_observation(attempt_id, news) else Outcome.NO_CHANGE, ended=not before)


def _keep(text: str, message_id: str, why: str) -> str:
    """Keep what cannot be read, for operators: no retry makes it readable."""
    event_id = f"message:{message_id}"
    body = {"text": without_secrets(text[:LONGEST_BODY]).replace("\0", "\N{SYMBOL FOR NULL}")}
    row = EngineEvent(event_id=event_id, source=Source.EVENT, outcome=Outcome.MALFORMED, said=f"It {why}."[:500], body=body)
    if not EngineEvent.objects.filter(event_id=event_id).exists():
        EngineEvent.objects.bulk_create([row], ignore_conflicts=True)
        log.error("engine_event.malformed", message=message_id, why=why)
    TAKEN.labels("none", Outcome.MALFORMED).inc()
    return str(Outcome.MALFORMED)
