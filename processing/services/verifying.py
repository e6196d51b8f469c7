"""Look at what an engine elsewhere says it has made, rung by rung; what is as it was ordered can be played at once."""

from __future__ import annotations

import structlog
from django.db.models.functions import Now

from processing.classify import ErrorClass
from processing.engines.base import ENDED_RANK, EngineFailure, News, Observation, Order, Stopped
from processing.engines.mediaconvert import outputs
from processing.engines.registry import remote_engine
from processing.errors import EngineFailed
from processing.models import LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState
from processing.services import settle
from processing.services.observe import apply_observation, finish
from processing.services.orders import order_for
from processing.services.publish import publish
from processing.services.run import AttemptWatch
from resilience.faults import point
from resilience.models import Task
from resilience.tasks import TaskContext

log = structlog.get_logger(__name__)


def verify(context: TaskContext, attempt_id: str) -> None:
    """Verify every rung of an attempt that is said to be done, and end the attempt. Safe to repeat: what is ready is not looked at again.

    A rung that is not what was ordered does not keep the others from being played; the attempt fails for it afterwards.

    Raises:
        OSError, CircuitOpen: the rendition store cannot be read now; nothing is known of what is not ready yet.
    """
    attempt = Attempt.objects.filter(public_id=attempt_id, state=AttemptState.VERIFYING).first()
    if attempt is None:
        return
    publish(attempt.job_id)  # what a dead run had made ready but not shown
    watch = AttemptWatch(context, attempt_id)
    try:
        failed = _look_at_all(attempt, order_for(attempt, source=""), watch)
    except Stopped as stopped:
        log.info("attempt.stopped", attempt=attempt_id, reason=str(stopped))
        return
    point("processing.verify.looked")
    if failed is not None:
        apply_observation(attempt_id, Observation(News.ERROR, failure=failed.failure))
        return
    finish(attempt_id)


def _look_at_all(attempt: Attempt, order: Order, watch: AttemptWatch) -> EngineFailure | None:
    """Make ready what is as it was ordered, the lowest rung first; return what was wrong with the first that is not."""
    engine, poster, failed = remote_engine(attempt.engine), outputs.poster(order), None
    for rung in order.missing:
        try:
            output = engine.outputs(order, rung, watch)
        except EngineFailure as fault:
            log.warning("attempt.output_invalid", attempt=order.attempt_id, rung=rung.name, reason=str(fault))
            failed = failed or fault
            continue
        watch.check()
        apply_observation(order.attempt_id, Observation(News.RUNG_READY, phase=rung.name, output=output, poster=poster))
        point("processing.verify.rung_ready")
    return failed


def verify_is_dead(task: Task) -> None:
    """End the attempt and the job of outputs that could not be looked at. Called inside the transaction that buries the task."""
    job = Job.objects.select_for_update().filter(public_id=task.payload["job_id"], state__in=LIVE_JOB_STATES).first()
    mine = Attempt.objects.filter(public_id=task.payload["attempt_id"], state=AttemptState.VERIFYING)
    if job is None:
        return
    ended = mine.update(
        state=AttemptState.FAILED, observation_rank=ENDED_RANK, ended_at=Now(), error_code=EngineFailed.entry.code,
        error_class=ErrorClass.TRANSIENT, error_raw=f"task {task.pk}: {task.error_code}", decision="dead: its task is a dead letter",
    )  # fmt: skip
    if ended:
        settle.give_up(job, JobState.DEAD)
