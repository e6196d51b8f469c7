"""Carry out one attempt with an engine that works inside this process, under the lease of a durable task."""

from __future__ import annotations

import time
from contextlib import ExitStack

import structlog
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from processing.classify import OF_THE_INPUT, ErrorClass, classify
from processing.engines.base import Engine, EngineFailure, Failure, News, Observation, Order, Stopped, Watch, os_failures
from processing.engines.registry import engine as engine_of
from processing.ladder import Rung
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, Rendition
from processing.services import slots
from processing.services.observe import apply_observation
from processing.services.orders import order_for
from processing.services.publish import publish
from processing.services.submit import next_attempt
from processing.store import delete_tree
from resilience.circuits import CircuitOpen, circuit
from resilience.faults import point
from resilience.http.translate import DATABASE_DOWN
from resilience.tasks import TaskContext
from resilience.transactions import retried
from uploads.errors import StorageAway
from uploads.selectors import source_file
from uploads.store import StoreMissing

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
DATABASE_PAUSE_SECONDS = 1.0
# A call of an engine is a whole attempt: few of them, and long.
ENGINE_LIMITS = {"fail_max": 5, "window_seconds": 3600.0, "success_threshold": 1, "timeout": 200.0}
_UNTOUCHED = (AttemptState.CREATED, AttemptState.SUBMITTING)


class AttemptWatch:
    """Says stop once the task's lease is lost, or once the attempt's row says that it is over."""

    def __init__(self, context: TaskContext, attempt_id: str) -> None:
        self._context = context
        self._attempt_id = attempt_id
        self._looked = time.monotonic()

    def check(self) -> None:
        if self._context.lease_lost():
            raise Stopped("the lease is lost")
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            alive = Attempt.objects.filter(public_id=self._attempt_id, state__in=LIVE_ATTEMPT_STATES).exists()
        except DATABASE_DOWN:
            drop_connection()  # not known: the lease decides how long we may go on without
            return
        if not alive:
            raise Stopped("the attempt is over")


def run_attempt(context: TaskContext, *, job_id: str, chain_id: str) -> None:
    """Do what an attempt asks for, from a durable task that may run again after a crash.

    1. With the engine's circuit open nothing has happened yet: the task is snoozed, the attempt stays as it is. 2. Claim: a run that finds
    its attempt under way knows that the run before it died, ends that attempt as `lost` and goes on with a new one and only the rungs
    that are missing. 3. Every piece of news goes through `apply_observation`.

    Args:
        job_id: public id.
        chain_id: public id of the attempt the task was made for.

    Raises:
        CircuitOpen: the engine has been failing; nothing was done.
    """
    attempt = _chain(job_id, chain_id)
    if attempt is None:
        return
    try:
        circuit(f"engine.{attempt.engine}", exclude=(says_nothing_of_the_engine,), **ENGINE_LIMITS).call(_run, context, job_id, chain_id)
    except Stopped as stopped:
        log.info("attempt.stopped", job=job_id, reason=str(stopped))
    except EngineFailure as failed:
        log.warning("attempt.ended_badly", job=job_id, engine=attempt.engine, reason=str(failed))  # it is on record with the attempt


def says_nothing_of_the_engine(error: BaseException) -> bool:
    """Whether a failure is the file's, our storage's, our database's or our own wish: the engine's circuit does not count it."""
    if isinstance(error, EngineFailure):
        return classify(error.failure).error_class in OF_THE_INPUT | {ErrorClass.DEPENDENCY}
    return isinstance(error, (Stopped, DatabaseError))


@retried(joins=True)
def claim(job_id: str, chain_id: str) -> Attempt | None:
    """Return the attempt this run works for, with its slot at the engine; None when there is nothing left to do.

    Raises:
        SlotsTaken: the engine does as many as it may; nothing was changed.
    """
    job = Job.objects.select_for_update().filter(public_id=job_id, state__in=LIVE_JOB_STATES).first()
    attempt = _chain(job_id, chain_id)
    if job is None or attempt is None:
        return None
    if attempt.state in _UNTOUCHED:
        slots.take(attempt)
        return attempt
    Attempt.objects.filter(pk=attempt.pk, state__in=LIVE_ATTEMPT_STATES).update(
        state=AttemptState.LOST, ended_at=Now(), decision="same_engine: its worker went away; the next one makes only what is missing"
    )
    following = next_attempt(job, engine=attempt.engine, salvage=attempt.salvage, chain_id=chain_id)
    slots.take(following)  # the dead run's own
    return following


def deliver(attempt_id: str, observation: Observation, watch: Watch) -> None:
    """Bring news in, patiently: while the database is away progress is dropped, everything else waits as long as the lease lasts.

    Raises:
        EngineFailure: the rendition store failed while the news was made visible. Stopped: the lease was lost while waiting.
    """
    while True:
        try:
            with os_failures():
                apply_observation(attempt_id, observation)
            return
        except DATABASE_DOWN:
            drop_connection()
            log.warning("observation.unanswered", attempt=attempt_id, news=observation.news, exc_info=True)
            if observation.news is News.PROGRESSING:
                return
        watch.check()
        time.sleep(DATABASE_PAUSE_SECONDS)


def drop_connection() -> None:
    """Forget a connection that may be broken, so that the next statement opens another."""
    if not connection.in_atomic_block:
        connection.close()


def _chain(job_id: str, chain_id: str) -> Attempt | None:
    return Attempt.objects.filter(job__public_id=job_id, client_token=chain_id, state__in=LIVE_ATTEMPT_STATES).first()


def _run(context: TaskContext, job_id: str, chain_id: str) -> None:
    """Raises: EngineFailure: on record already, raised for the engine's circuit. Stopped: on purpose."""
    attempt = claim(job_id, chain_id)
    if attempt is None:
        return
    point("processing.run.claimed")
    watch = AttemptWatch(context, attempt.public_id)
    try:
        with os_failures():
            publish(attempt.job_id)  # what a dead run had made ready but not shown
        with ExitStack() as at_hand:
            order = order_for(attempt, source=_source(at_hand, attempt, watch))
            point("processing.run.before_engine")
            engine = engine_of(attempt.engine)
            try:
                _drive(engine, order, watch)
            finally:
                engine.cancel(order)
    except EngineFailure as failed:
        deliver(attempt.public_id, Observation(News.ERROR, failure=failed.failure), watch)
        raise
    except CircuitOpen:
        slots.give_back(attempt)
        raise


def _source(at_hand: ExitStack, attempt: Attempt, watch: Watch) -> str:
    """Have the source on this host for as long as the attempt runs; one that lies elsewhere is copied here, and the copy goes at the end.

    Raises:
        EngineFailure: the source is gone, or there is no room for it. CircuitOpen: its store is away; nothing of the attempt has begun.
    """
    try:
        with os_failures():
            return str(at_hand.enter_context(source_file(attempt.job.source, check=watch.check)))
    except StoreMissing as missing:
        raise EngineFailure(Failure("engine", "SOURCE_LOST", "the store has not all of it")) from missing
    except StorageAway as away:
        raise CircuitOpen(circuit="s3", retry_after=away.retry_after or LOOK_SECONDS) from away


def _drive(engine: Engine, order: Order, watch: Watch) -> None:
    """Pass on what the engine says; what it calls written is verified before anybody hears of it."""
    deliver(order.attempt_id, engine.submit(order), watch)
    point("processing.run.engine_started")
    rungs = {rung.name: rung for rung in order.missing}
    poster = ""
    for news in engine.observe(order, watch):
        poster = news.poster or poster
        deliver(order.attempt_id, news, watch)
        if news.news is News.RUNG_WRITTEN:
            _accept(engine, order, rungs[news.rung], poster, watch)


def _accept(engine: Engine, order: Order, rung: Rung, poster: str, watch: Watch) -> None:
    output = engine.outputs(order, rung, watch)
    point("processing.run.outputs_stored")
    watch.check()
    deliver(order.attempt_id, Observation(News.RUNG_READY, phase=rung.name, output=output, poster=poster), watch)
    if not Rendition.objects.filter(path=output.path).exists():
        delete_tree(output.path.rpartition("/")[0])  # the attempt was over, or the video gone: nobody will ask for it
