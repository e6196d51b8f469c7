"""Read what EventBridge sends about a MediaConvert job ("MediaConvert Job State Change"). Pure.

https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_cwe_events.html. Delivered at least once, in any order. A sample there has a
resource without an account: what a piece of news is about is taken from `detail.jobId` alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from processing.engines.base import Failure, News, Observation

SOURCE = "aws.mediaconvert"
DETAIL_TYPE = "MediaConvert Job State Change"
LONGEST_ID = 100
LONGEST_GIVEN = 40  # of our own ids and names of installations
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Status(StrEnum):
    """What MediaConvert says of a job. Others are written down and change nothing."""

    INPUT_INFORMATION = "INPUT_INFORMATION"
    PROGRESSING = "PROGRESSING"
    STATUS_UPDATE = "STATUS_UPDATE"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCELED = "CANCELED"
    NEW_WARNING = "NEW_WARNING"
    QUEUE_HOP = "QUEUE_HOP"


ENDS = frozenset({Status.COMPLETE, Status.ERROR, Status.CANCELED})
_RUNS = frozenset({Status.INPUT_INFORMATION, Status.PROGRESSING, Status.STATUS_UPDATE})


class Malformed(ValueError):
    """Not what EventBridge sends about a job. Its text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event. `sent_at` is the sender's clock; `env` and `attempt_id` are what we gave the job along, empty when it has none."""

    event_id: str
    region: str
    job_id: str
    status: str
    sent_at: datetime | None = None
    env: str = ""
    attempt_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        return f"mediaconvert:{self.region}"


def read(text: str) -> Envelope:
    """Return the event in a message's body.

    Raises:
        Malformed: it is none.
    """
    body = _object(text)
    if (body.get("source"), body.get("detail-type")) != (SOURCE, DETAIL_TYPE):
        raise Malformed(f"is of {body.get('source')!r} about {body.get('detail-type')!r}, not about a MediaConvert job")
    detail = body.get("detail")
    if not isinstance(detail, dict):
        raise Malformed("has no detail")
    region = _text(body, "region")
    if not _REGION.fullmatch(region):
        raise Malformed(f"comes from {region!r}, which is no region")
    return Envelope(
        event_id=_text(body, "id"), region=region, job_id=_text(detail, "jobId"), status=_text(detail, "status"), sent_at=_moment(detail, body),
        env=_given(detail, "env"), attempt_id=_given(detail, "attempt_id"), detail=detail, body=body,
    )  # fmt: skip


def observation(envelope: Envelope) -> Observation | None:
    """Return the news in an event; None when it says nothing of how the job goes.

    COMPLETE is news too, but not yet believed: whoever takes it in has the outputs verified first.
    """
    detail = envelope.detail
    if envelope.status in _RUNS:
        progress = detail.get("jobProgress")
        progress = progress if isinstance(progress, dict) else {}
        return Observation(News.PROGRESSING, percent=_percent(progress), phase=str(progress.get("currentPhase") or "").lower()[:60])
    match envelope.status:
        case Status.COMPLETE:
            return Observation(News.COMPLETE, external_id=envelope.job_id)
        case Status.ERROR:
            return Observation(News.ERROR, failure=Failure("mediaconvert", str(detail.get("errorCode", "")), str(detail.get("errorMessage") or "")))
        case Status.CANCELED:
            return Observation(News.CANCELED)
    return None


def _object(text: str) -> dict[str, Any]:
    """Return the object a text holds, if a table can hold it too."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("is not a JSON object")
    try:
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise Malformed("holds what is no text or no number") from None
    if "\\u0000" in text:
        raise Malformed("holds a NUL character")
    return found


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_ID or "\0" in value:
        raise Malformed(f"has no usable {name}")
    return value


def _given(detail: dict[str, Any], name: str) -> str:
    """Return what we gave the job along under a name; nothing when it is not ours."""
    metadata = detail.get("userMetadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and len(value) <= LONGEST_GIVEN and "\0" not in value else ""


def _percent(progress: dict[str, Any]) -> float | None:
    """MediaConvert knows no percentage for some containers: null then."""
    value = progress.get("jobPercentComplete")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100 else None


def _moment(detail: dict[str, Any], body: dict[str, Any]) -> datetime | None:
    """Return when it was sent: to the millisecond from `detail.timestamp`, else to the second from `time`."""
    value = detail.get("timestamp")
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        moment = datetime.fromisoformat(str(body.get("time")))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
