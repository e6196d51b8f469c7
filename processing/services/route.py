"""Which engine a job goes to now: the wanted one, or the next of its chain when that one rests for long or would not find the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.db.models import Max
from django.db.models.functions import Now

from processing.classify import ErrorClass
from processing.decide import end_of
from processing.errors import ReplicaMissing
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job
from processing.services import outcomes, replicas, settle
from resilience.circuits import CircuitOpen, rests
from resilience.faults import point
from resilience.statements import fetch
from resilience.transactions import retried

log = structlog.get_logger(__name__)

RESTS_TOO_LONG_SECONDS = 600.0  # a circuit that has not closed for so long: the next engine's turn

# Since when a circuit has not been closed: it opens anew after each trial that fails, so its own moment is too young.
_OPEN_FOR = """
SELECT extract(epoch FROM statement_timestamp() - max(at)) FROM resilience_circuitevent
 WHERE circuit_id = %s AND from_state = 'closed' AND to_state IN ('open', 'forced_open')"""


@dataclass(frozen=True, slots=True)
class Rest:
    """An engine of which a circuit, that of its calls or that of its jobs, lets nothing through: for how many seconds more, and since how many."""

    engine: str
    circuit: str
    seconds: float
    since: float


def choose(job_id: str, *, wanted: str, salvage: bool = False) -> str | None:
    """Return the engine a job is to be given to now; None when that is nobody's question any more, or the job had to end.

    1. Engines of other regions are asked for only when their bucket has the file. 2. An engine that rests is waited for, ten minutes long;
    then the next one's turn has come. New jobs ask the first one again, so that all goes back to it once its circuit closes. What was
    passed over is written down with its reason. Nothing of this costs an attempt. Not for use inside a transaction.

    Args:
        wanted: an engine of the job's chain; empty takes the first.
        salvage: only the wanted one can do it.

    Raises:
        CircuitOpen: no engine now; come back.
    """
    job = Job.objects.select_related("source").filter(public_id=job_id, state__in=LIVE_JOB_STATES).first()
    if job is None or job.attempts.filter(state__in=LIVE_ATTEMPT_STATES).exists():
        return None
    passed: dict[str, str] = {}
    resting: list[Rest] = []
    for engine in [wanted] if salvage and wanted else _from(job.engines, wanted or job.engines[0]):
        if missing := replicas.missing(job, engine):
            passed[engine] = missing
            continue
        rest = _rest(engine)
        if rest is None:
            break
        if rest.since < RESTS_TOO_LONG_SECONDS:
            _wait(rest)
        resting.append(rest)
    else:
        if resting:
            _wait(min(resting, key=lambda rest: rest.seconds))
        _conclude(job, passed)
        return None
    passed |= {rest.engine: f"it has been resting for {rest.since / 60:.0f} min" for rest in resting}
    point("processing.route.chosen")
    _write_down(job, passed, engine)
    return engine


def _from(chain: Sequence[str], wanted: str) -> Sequence[str]:
    return chain[chain.index(wanted) :] if wanted in chain else [wanted]


def _rest(engine: str) -> Rest | None:
    seconds, name = max((rests(name), name) for name in outcomes.circuits_of(engine))
    if not seconds:
        return None
    since = fetch(_OPEN_FOR, name)[0][0]
    return Rest(engine, name, seconds, float(since or 0.0))


def _wait(rest: Rest) -> None:
    raise CircuitOpen(circuit=rest.circuit, retry_after=rest.seconds)


@retried(joins=True)
def _write_down(job: Job, passed: dict[str, str], engine: str) -> None:
    """Leave a row for each engine that was passed over: an attempt that never was, so that the job's history says why."""
    held = _held(job)
    if held is None or not passed:
        return
    known = set(held.attempts.filter(state=AttemptState.SUPERSEDED, external_id="").values_list("engine", "decision"))
    for other, why in passed.items():
        decision = f"next_engine: passed over for {engine}: {why}"[:200]
        if (other, decision) not in known:  # a task that ran again has written it before
            _pass_over(held, other, decision)


def _pass_over(job: Job, engine: str, decision: str) -> None:
    last = job.attempts.aggregate(last=Max("number"))["last"] or 0
    Attempt.objects.create(job=job, number=last + 1, engine=engine, state=AttemptState.SUPERSEDED, decision=decision, ended_at=Now(), look_at=None)
    log.warning("job.engine_passed_over", job=job.public_id, engine=engine, decision=decision)


@retried(joins=True)
def _conclude(job: Job, passed: dict[str, str]) -> None:
    """No engine that is left would find the file: end as the last failure would have, or wait for the operator if there was none."""
    held = _held(job)
    if held is None:
        return
    last = held.attempts.filter(state__in=(AttemptState.FAILED, AttemptState.LOST)).exclude(error_class="").order_by("-number").first()
    if last is not None:
        settle.conclude(held, last, end_of(ErrorClass(last.error_class)))
        return
    engine, why = next(iter(passed.items()))
    settle.block(held, code=ReplicaMissing.entry.code, engine=engine)
    log.error("job.no_engine_finds_its_file", job=held.public_id, engine=engine, why=why)


def _held(job: Job) -> Job | None:
    found = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk, state__in=LIVE_JOB_STATES).first()
    return None if found is None or found.attempts.filter(state__in=LIVE_ATTEMPT_STATES).exists() else found
