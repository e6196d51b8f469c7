"""What a raw failure is: a catalogue code, and the class that decides what comes next. Data-driven; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from resilience.errors import CATALOGUE, AppError, Entry

from . import errors
from .engines.base import Failure


class ErrorClass(StrEnum):
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    CAPACITY = "capacity"
    ACCELERATION = "acceleration"
    INPUT_TRUNCATED = "input_truncated"
    INPUT_CORRUPT = "input_corrupt"
    INPUT_NO_VIDEO = "input_no_video"
    INPUT_CODEC = "input_codec"
    INPUT_UNREADABLE = "input_unreadable"
    CONFIG = "config"
    IAM = "iam"
    DEPENDENCY = "dependency"
    OUTPUT_INVALID = "output_invalid"
    STALLED = "stalled"
    POISON = "poison"
    UNCLASSIFIED = "unclassified"


# The engine did its part; the file is what it is. Circuits do not count these.
OF_THE_INPUT = frozenset(
    {
        ErrorClass.INPUT_TRUNCATED,
        ErrorClass.INPUT_CORRUPT,
        ErrorClass.INPUT_NO_VIDEO,
        ErrorClass.INPUT_CODEC,
        ErrorClass.INPUT_UNREADABLE,
        ErrorClass.OUTPUT_INVALID,
    }
)

# In order: of several that match the same words, the first is the cause and the later ones its consequences.
_RULES: tuple[tuple[type[AppError], ErrorClass], ...] = (
    (errors.DiskFull, ErrorClass.CAPACITY),
    (errors.EngineBusy, ErrorClass.CAPACITY),
    (errors.EngineFull, ErrorClass.CAPACITY),
    (errors.EngineThrottled, ErrorClass.THROTTLED),
    (errors.EngineMissing, ErrorClass.CONFIG),
    (errors.SettingsRefused, ErrorClass.CONFIG),
    (errors.ReplicaMissing, ErrorClass.CONFIG),
    (errors.AccessRefused, ErrorClass.IAM),
    (errors.AccelerationOff, ErrorClass.ACCELERATION),
    (errors.EngineStalled, ErrorClass.STALLED),
    (errors.SourceLost, ErrorClass.DEPENDENCY),
    (errors.PartnerAway, ErrorClass.DEPENDENCY),
    (errors.StorageFailed, ErrorClass.TRANSIENT),
    (errors.SavingFailed, ErrorClass.TRANSIENT),
    (errors.TookTooLong, ErrorClass.TRANSIENT),
    (errors.EngineAway, ErrorClass.TRANSIENT),
    (errors.EngineFailed, ErrorClass.TRANSIENT),
    (errors.FormatUnsupported, ErrorClass.INPUT_CODEC),
    (errors.NothingToPlay, ErrorClass.INPUT_NO_VIDEO),
    (errors.NoPicture, ErrorClass.INPUT_NO_VIDEO),
    (errors.SourceTruncated, ErrorClass.INPUT_TRUNCATED),
    (errors.SourceCorrupt, ErrorClass.INPUT_CORRUPT),
    (errors.SourceDamaged, ErrorClass.INPUT_CORRUPT),
    (errors.SoundUnreadable, ErrorClass.INPUT_CORRUPT),
    (errors.HdrDamaged, ErrorClass.INPUT_CORRUPT),
    (errors.TimesBroken, ErrorClass.INPUT_CORRUPT),
    (errors.SourceUnreadable, ErrorClass.INPUT_UNREADABLE),
    (errors.OutputInvalid, ErrorClass.OUTPUT_INVALID),
    (errors.SourcePoisonous, ErrorClass.POISON),
)
CLASS_OF = {error.entry.code: error_class for error, error_class in _RULES} | {errors.EncodingUnclassified.entry.code: ErrorClass.UNCLASSIFIED}


@dataclass(frozen=True, slots=True)
class Classified:
    """What a failure is.

    Args:
        code: of the catalogue.
        fields: of its sentence; all safe to show.
        ambiguous: nobody is blamed before we looked at the file ourselves (`services/look.py`).
        runbook: what an operator does first about just these words; empty when the entry's own says it.
    """

    code: str
    error_class: ErrorClass
    fields: Mapping[str, Any] = field(default_factory=dict)
    ambiguous: bool = False
    runbook: str = ""


def classify(failure: Failure) -> Classified:
    """Return what a failure is. What nothing stands for is `unclassified`, with a group of its own on the console."""
    said = errors.saying(failure.source, failure.code, failure.message)
    if said is not None:
        return Classified(said.means, CLASS_OF[said.means], _fields(CATALOGUE.get(said.means), failure), said.ambiguous, said.runbook)
    for error, error_class in _RULES:
        entry = error.entry
        if any(match.accepts(source=failure.source, code=failure.code, message=failure.message) for match in entry.matches):
            return Classified(entry.code, error_class, _fields(entry, failure), ambiguous=_says_little(failure))
    return Classified(errors.EncodingUnclassified.entry.code, ErrorClass.UNCLASSIFIED)


def _says_little(failure: Failure) -> bool:
    """ffmpeg says this of a recording that was cut off as of anything that is no MP4 at all: a walk over the boxes tells them apart."""
    return failure.source == "ffmpeg" and "moov atom not found" in failure.message


def runbook_of(error_code: str, error_raw: str) -> str:
    """Return what an operator does first about a failed attempt: what just these words ask for, else what the catalogue says of the code.

    Args:
        error_raw: as attempts keep it, `source code: message`.
    """
    head, _, message = error_raw.partition(": ")
    source, _, code = head.partition(" ")
    said = errors.saying(source, code, message)
    return said.runbook if said is not None and said.means == error_code else CATALOGUE.get(error_code).runbook


def clock(seconds: float | None) -> str:
    """Return a moment as a player shows it: `0:03`, `1:02:09`; "the start" when it is not known or nothing came before."""
    if not seconds or seconds < 1:
        return "the start"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _fields(entry: Entry, failure: Failure) -> dict[str, Any]:
    return {"at": clock(failure.at_s)} if "at" in entry.fields else {}
