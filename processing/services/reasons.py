"""What a person is told at the end: one reason out of all attempts, or a note beside a video that plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from processing.classify import OF_THE_INPUT, ErrorClass, clock
from processing.decide import COST_NOTHING
from processing.errors import GaveUp, SourceLost, SourcePoisonous
from processing.models import Attempt, AttemptState, Job, JobState, RenditionState
from processing.notes import DamagedFrom, LowerQualityOnly, PartlySaved

_SAYS_IT_ALL = {SourceLost.entry.code, SourcePoisonous.entry.code}
_FAILED = (AttemptState.FAILED, AttemptState.LOST)
# Of several things found wrong with one file, the one that helps its owner most; the engine that failed last saw it last.
_MOST_TELLING = (
    ErrorClass.INPUT_TRUNCATED,
    ErrorClass.INPUT_NO_VIDEO,
    ErrorClass.INPUT_CORRUPT,
    ErrorClass.INPUT_CODEC,
    ErrorClass.INPUT_UNREADABLE,
    ErrorClass.OUTPUT_INVALID,
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends, with the one reason its owner is told."""

    state: JobState
    code: str
    fields: dict[str, Any]


def ending(job: Job, state: JobState) -> Ending:
    """Merge what all attempts said: the last word of poison, else what is wrong with the file, else that we gave up.

    What an engine found wrong with the file wins over what failed on our side: then it is the owner's move, whichever engine came last.
    """
    failed = list(job.attempts.filter(state__in=_FAILED).exclude(error_code="").order_by("number"))
    if failed and failed[-1].error_class == ErrorClass.POISON:
        return Ending(state, failed[-1].error_code, failed[-1].error_fields)
    telling = _most_telling(failed)
    if telling is not None and (state != JobState.DEAD or telling.error_class != ErrorClass.OUTPUT_INVALID):
        return Ending(JobState.NEEDS_NEW_FILE, telling.error_code, telling.error_fields)
    code, fields = (failed[-1].error_code, failed[-1].error_fields) if failed else ("", {})
    if state == JobState.DEAD and code not in _SAYS_IT_ALL:
        tries = sum(1 for attempt in failed if attempt.error_class not in COST_NOTHING)
        return Ending(state, GaveUp.entry.code, {"tries": max(1, tries)})
    return Ending(state, code, fields)


def _most_telling(failed: list[Attempt]) -> Attempt | None:
    """Return the attempt with the best reason of the file's; of equals the last, whose engine had the best chance, unless it was a lenient pass."""
    ranked = {error_class: rank for rank, error_class in enumerate(_MOST_TELLING)}
    found = [attempt for attempt in failed if attempt.error_class in OF_THE_INPUT]
    strict = [attempt for attempt in found if not attempt.salvage] or found
    return min(reversed(strict), key=lambda attempt: ranked[ErrorClass(attempt.error_class)], default=None)


def lower_quality(job: Job) -> tuple[str, dict[str, Any]]:
    """Return the note beside a video of which only some rungs were made; no note when none is missing."""
    ready = set(job.renditions.filter(state=RenditionState.READY).values_list("rung", flat=True))
    missing = ", ".join(rung["name"] for rung in job.ladder if rung["name"] not in ready)
    return (LowerQualityOnly.entry.code, {"missing": missing}) if missing else ("", {})


def note(job: Job) -> tuple[str, dict[str, Any]]:
    """Return what a person is told beside a video that plays, when it took a lenient pass to make it."""
    if not job.attempts.filter(salvage=True, state=AttemptState.SUCCEEDED).exists():
        return "", {}
    damaged = job.attempts.filter(error_class=ErrorClass.INPUT_CORRUPT, error_fields__has_key="at").order_by("number").first()
    # Damage at the very start is mostly a clip cut off in the middle of a scene: nothing to be alarmed about.
    if damaged is None or damaged.error_fields.get("at") in (None, clock(None)):
        return PartlySaved.entry.code, {}
    return DamagedFrom.entry.code, {"at": damaged.error_fields["at"]}
