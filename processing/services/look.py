"""Some words of an engine stand for the file's fault and for ours. Before anybody is blamed we look at the file ourselves.

A durable step between a failure and the decision about it: the attempt has failed, and its `decision` is empty until somebody has looked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import structlog

from processing.classify import CLASS_OF, OF_THE_INPUT, ErrorClass
from processing.errors import FormatUnsupported, NothingToPlay, ReplicaMissing, SourceLost, SourceTruncated, SourceUnreadable, StorageFailed
from processing.models import LIVE_JOB_STATES, Attempt, AttemptState, Job
from processing.services import replicas, settle
from resilience.errors import AppError
from resilience.faults import point
from resilience.models import Task
from resilience.tasks import enqueue
from resilience.transactions import retried
from uploads.errors import CodecUnknown, FileTruncated, NoTracks, TooLong
from uploads.services.second_look import look_again
from uploads.store import StoreMissing

log = structlog.get_logger(__name__)

LOOKING = "looking at the file"
_OF_INSPECTION: dict[type[AppError], type[AppError]] = {FileTruncated: SourceTruncated, NoTracks: NothingToPlay, CodecUnknown: FormatUnsupported}
_NO_PARSER = ("no parser", "probe/open", "malformed", "unsupported", "demux")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the look found: the catalogue's code that counts from now on, and a word about it for operators."""

    code: str
    why: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def error_class(self) -> ErrorClass:
        return CLASS_OF[self.code]


def look_first(job: Job, attempt: Attempt) -> None:
    """Have somebody look at the source of a failed attempt. Called with the job locked, inside the transaction of the failure."""
    Attempt.objects.filter(pk=attempt.pk).update(phase=LOOKING)
    enqueue("processing.look", key=attempt.public_id, payload={"job_id": job.public_id, "attempt_id": attempt.public_id})


def look(attempt_id: str) -> None:
    """Look at the source of an attempt that nothing was decided about yet, and decide. Safe to repeat.

    Raises:
        StorageAway, CircuitOpen, OSError, ProbeKilled: we could not look now.
    """
    attempt = _undecided(attempt_id)
    if attempt is None:
        return
    seen = seen_of(attempt)
    log.info("attempt.looked", attempt=attempt_id, code=seen.code, why=seen.why)
    point("processing.look.seen")
    _decide(attempt_id, seen)


def seen_of(attempt: Attempt) -> Seen:
    """Say whose fault it is. Raises as `look`."""
    try:
        error = look_again(attempt.job.source)
    except StoreMissing:
        return Seen(SourceLost.entry.code, "the file is not whole in our store")
    if error is not None and not isinstance(error, TooLong):
        meant = _OF_INSPECTION.get(type(error), SourceUnreadable)
        return Seen(meant.entry.code, f"the file is at fault ({error.code})", dict.fromkeys(meant.entry.fields, "the start"))
    if missing := replicas.missing(attempt.job, attempt.engine):
        return Seen(ReplicaMissing.entry.code, missing)
    return Seen(_ours(attempt), "the file is whole and opens")


def _ours(attempt: Attempt) -> str:
    """Say what else it was, with a file that is fine."""
    if attempt.error_class not in OF_THE_INPUT:
        return attempt.error_code
    # It opens here and has no parser there: the engine cannot read this kind of file, another kind of engine can.
    words = attempt.error_raw.lower()
    return FormatUnsupported.entry.code if any(word in words for word in _NO_PARSER) else StorageFailed.entry.code


def looking_is_dead(task: Task) -> None:
    """Nobody could look: go on as if it were our fault, which it may be. Called inside the transaction that buries the task."""
    attempt = _undecided(task.payload["attempt_id"])
    if attempt is not None:
        code = StorageFailed.entry.code if attempt.error_class in OF_THE_INPUT else attempt.error_code
        _decide(attempt.public_id, Seen(code, "nobody could look at the file"))


def _undecided(attempt_id: str) -> Attempt | None:
    waiting = Attempt.objects.filter(public_id=attempt_id, state=AttemptState.FAILED, decision="", job__state__in=LIVE_JOB_STATES)
    return waiting.select_related("job__source").first()


@retried(joins=True)
def _decide(attempt_id: str, seen: Seen) -> bool:
    """Write down what was seen and set going what comes of it; False when somebody decided before, or the job went on without."""
    job = Job.objects.select_for_update(of=("self",)).filter(attempts__public_id=attempt_id).first()
    attempt = _undecided(attempt_id)
    if job is None or attempt is None:
        return False
    values: dict[str, Any] = {"error_code": seen.code, "error_class": seen.error_class, "error_fields": seen.fields, "phase": ""}
    if job.attempts.filter(number__gt=attempt.number).exists():
        Attempt.objects.filter(pk=attempt.pk).update(decision="the job went on meanwhile", **values)
        return False
    Attempt.objects.filter(pk=attempt.pk).update(**values)
    attempt.refresh_from_db()
    settle.after_failure(job, attempt, seen=seen.why)
    point("processing.look.decided")
    return True
