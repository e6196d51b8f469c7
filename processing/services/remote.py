"""Jobs of engines elsewhere: one that turns up is taken for its attempt or stopped; one nobody wants any more is stopped; one is asked how it goes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import structlog

from processing.engines.base import News, Observation, RemoteEngine
from processing.engines.registry import is_remote, region_of, remote_engine
from processing.models import LIVE_ATTEMPT_STATES, Attempt, AttemptState
from processing.services.chain import in_seconds
from processing.services.observe import apply_observation
from processing.services.orders import source_key
from resilience.faults import point
from resilience.tasks import enqueue
from resilience.transactions import retried

log = structlog.get_logger(__name__)

UNNAMED_SECONDS = 75.0  # whoever asked for a job has ended by then, and a search finds what was made
TRIES = 3
_UNSETTLED = (AttemptState.CREATED, AttemptState.SUBMITTING, AttemptState.SUBMITTED, AttemptState.PROGRESSING)


class Adopted(StrEnum):
    """What became of a job that turned up. `STRAY`: its attempt does not want it, and it will be stopped. `UNKNOWN`: no attempt has this id."""

    ADOPTED = "adopted"
    KNOWN = "known"
    STRAY = "stray"
    UNKNOWN = "unknown"


def adopt(attempt_id: str, external_id: str, *, region: str) -> Adopted:
    """Take a job for the attempt it says it was made for, if that has none. Of two jobs for one attempt the older stays, the other is stopped.

    Args:
        attempt_id: as the job says; public id.
        region: where the job is.

    Raises:
        EngineFailure, CircuitOpen: two jobs could not be compared; nothing was changed.
    """
    for _ in range(TRIES):
        attempt = Attempt.objects.filter(public_id=attempt_id).first()
        if attempt is None:
            return Adopted.UNKNOWN
        if attempt.external_id == external_id and region_of(attempt.engine) == region:
            return Adopted.KNOWN
        if attempt.state not in LIVE_ATTEMPT_STATES or not is_remote(attempt.engine) or region_of(attempt.engine) != region:
            return _stray(attempt_id, external_id, f"{attempt.engine.partition(':')[0]}:{region}")
        if not attempt.external_id:
            if apply_observation(attempt_id, Observation(News.SUBMITTED, external_id=external_id)):
                log.warning("attempt.adopted", attempt=attempt_id, external_id=external_id)
                return Adopted.ADOPTED
        elif (chosen := _older_of_two(attempt, external_id)) is not None:
            return chosen
    return Adopted.KNOWN  # it changes under our hands: whoever changes it has seen the job, or the next news of it will be looked at again


def ask(attempt: Attempt) -> Observation:
    """Ask the engine how an attempt's job goes. One that it does not know is an ERROR of `engine`, LOST.

    Raises:
        EngineFailure: it did not answer. CircuitOpen: it was not asked.
    """
    return remote_engine(attempt.engine).look(attempt.external_id).observation


def stop_elsewhere(attempts: Iterable[Attempt]) -> int:
    """Put down that the jobs of attempts are to be stopped, in the caller's transaction. Return how many. Call it while the rows are there.

    A job whose id is not known yet is searched for later, when whoever asked for it has ended.
    """
    count = 0
    for attempt in attempts:
        if not is_remote(attempt.engine) or not (attempt.external_id or attempt.asked_at):
            continue
        stop_later(attempt.public_id, attempt.external_id, engine=attempt.engine, source=source_key(attempt))
        count += 1
    return count


def stop_later(attempt_id: str, external_id: str, *, engine: str, source: str = "") -> None:
    """Put down that a job is to be stopped; with an empty `external_id` all of the attempt's jobs but the one it has adopted."""
    payload = {"attempt_id": attempt_id, "external_id": external_id, "region": region_of(engine), "source": source}
    run_at = None if external_id else in_seconds(UNNAMED_SECONDS)
    enqueue("processing.cancel_remote", key=f"{attempt_id}:{external_id}", payload=payload, run_at=run_at)


def stop(attempt_id: str, external_id: str, *, region: str, source: str = "") -> int:
    """Stop a job that no live attempt has, or all that bear an attempt's name. Return how many were asked to stop. Safe to repeat.

    Raises:
        EngineFailure, CircuitOpen: the engine did not answer; try again.
    """
    engine = remote_engine(f"mediaconvert:{region}")
    wanted = Attempt.objects.filter(public_id=attempt_id, state__in=LIVE_ATTEMPT_STATES).values_list("external_id", flat=True).first()
    if wanted == "":
        return 0  # whoever asks for it just now settles which of them it keeps
    found = [external_id] if external_id else [job.external_id for job in engine.find(attempt_id, source)] if source else []
    unwanted = [each for each in found if each != wanted]
    for each in unwanted:
        engine.stop(each)
        point("processing.remote.stopped")
        log.info("remote.stopped", attempt=attempt_id, external_id=each, region=region)
    return len(unwanted)


def _older_of_two(attempt: Attempt, external_id: str) -> Adopted | None:
    """Let an attempt keep the older of two jobs. None: somebody changed it meanwhile."""
    if attempt.state not in _UNSETTLED:
        return _stray(attempt.public_id, external_id, attempt.engine)  # what it has made is being looked at already
    engine = remote_engine(attempt.engine)
    if not _is_older(engine, external_id, than=attempt.external_id):
        return _stray(attempt.public_id, external_id, attempt.engine)
    return Adopted.ADOPTED if _swap(attempt, external_id) else None


@retried(joins=True)
def _swap(attempt: Attempt, external_id: str) -> bool:
    swapped = Attempt.objects.filter(pk=attempt.pk, external_id=attempt.external_id, state__in=_UNSETTLED).update(external_id=external_id)
    if swapped:
        _stray(attempt.public_id, attempt.external_id, attempt.engine)
    return bool(swapped)


def _is_older(engine: RemoteEngine, external_id: str, *, than: str) -> bool:
    this, that = engine.look(external_id), engine.look(than)
    return (this.created_at, this.external_id) < (that.created_at, that.external_id)


def _stray(attempt_id: str, external_id: str, engine: str) -> Adopted:
    log.warning("remote.stray", attempt=attempt_id, external_id=external_id, engine=engine)
    stop_later(attempt_id, external_id, engine=engine)
    return Adopted.STRAY
