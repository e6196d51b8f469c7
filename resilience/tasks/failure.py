"""What an exception means for its task: a catalogue code, a fingerprint to group by, and the texts an operator reads."""

from __future__ import annotations

import hashlib
import re
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType

import pybreaker
from django.conf import settings

from resilience.errors import AppError, Retry
from resilience.http.translate import as_app_error
from resilience.redaction import without_secrets

from .errors import TaskKindUnknown

_LONGEST_MESSAGE = 2_000
_LONGEST_TRACEBACK = 20_000
_DEFAULT_SNOOZE_SECONDS = 30.0
_UNKNOWN_KIND_SNOOZE_SECONDS = 60.0

_LONGEST_CHAIN = 20
# As botocore's standard retry mode knows them.
_THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded"}
    | {"ProvisionedThroughputExceededException", "TransactionInProgressException", "BandwidthLimitExceeded", "LimitExceededException"}
    | {"RequestThrottled", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException"}
)

# From the most to the least specific, so that two failures that differ only in whom they hit share a group.
_VOLATILE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "<id>"),
    (re.compile(r"\b[a-z]{3}_[0-9a-z]{20}\b"), "<id>"),
    (re.compile(r"0x[0-9a-f]+", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?:/[\w.@+-]+){2,}/?"), "<path>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """`permanent`: trying again cannot help. `snooze`: seconds to wait without spending a try. `retry_after`: least seconds to wait.
    `throttled`: whoever was asked said that it was asked too often.
    """

    code: str
    message: str
    fingerprint: str
    traceback: str
    permanent: bool
    retry_after: float = 0.0
    snooze: float | None = None
    throttled: bool = False


def describe(exception: BaseException) -> Failure:
    """Say what an exception that ended a task's body means."""
    error = as_app_error(exception)
    message = without_secrets(f"{type(exception).__name__}: {_said(exception)}")[:_LONGEST_MESSAGE]
    return Failure(
        code=error.code,
        message=storable(message),
        fingerprint=fingerprint(exception),
        traceback=storable(without_secrets("".join(traceback.format_exception(exception))[-_LONGEST_TRACEBACK:])),
        permanent=error.entry.retry in (Retry.AFTER_CHANGE, Retry.NEVER),
        retry_after=error.retry_after or 0.0,
        snooze=_snooze(exception),
        throttled=error.entry.status == HTTPStatus.TOO_MANY_REQUESTS or _says_throttled(exception),
    )


def storable(text: str) -> str:
    """Return text as PostgreSQL takes it. An error that cannot be written down would cost its task the lease, and count as a crash."""
    return text.encode(errors="replace").decode().replace("\0", "\N{SYMBOL FOR NULL}")


def _said(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as fault:  # noqa: BLE001 - whatever its own words raise
        return f"(its text could not be made: {type(fault).__name__})"


def of_kind(error: AppError) -> Failure:
    """Describe a failure that no body raised, such as a crash: all of a code are one group."""
    digest = hashlib.sha256(error.code.encode()).hexdigest()[:32]
    return Failure(error.code, error.detail, digest, "", permanent=error.entry.retry in (Retry.AFTER_CHANGE, Retry.NEVER))


def fingerprint(exception: BaseException) -> str:
    """Return 32 hex digits of the exception's class, its message without what varies, and the innermost frame of our own code."""
    parts = (f"{type(exception).__module__}.{type(exception).__qualname__}", normalise(_said(exception)), _own_frame(exception.__traceback__))
    return hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:32]


def normalise(message: str) -> str:
    for pattern, placeholder in _VOLATILE:
        message = pattern.sub(placeholder, message)
    return message.strip()[:500]


def _own_frame(trace: TracebackType | None) -> str:
    """`file:function`, without the line, so that an edit above it does not split the group."""
    root = Path(settings.BASE_DIR)
    for frame in reversed(traceback.extract_tb(trace)):
        path = Path(frame.filename)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            return f"{path.relative_to(root)}:{frame.name}"
    return ""


def _says_throttled(exception: BaseException | None) -> bool:
    """Whether a cloud client's error, or one that it was turned into, names a code of throttling."""
    seen = 0
    while exception is not None and seen < _LONGEST_CHAIN:
        response = getattr(exception, "response", None)
        if isinstance(response, dict) and response.get("Error", {}).get("Code") in _THROTTLES:
            return True
        exception, seen = exception.__cause__ or exception.__context__, seen + 1
    return False


def _snooze(exception: BaseException) -> float | None:
    if isinstance(exception, TaskKindUnknown):
        return _UNKNOWN_KIND_SNOOZE_SECONDS
    if isinstance(exception, pybreaker.CircuitBreakerError):
        return float(getattr(exception, "retry_after", None) or _DEFAULT_SNOOZE_SECONDS)
    return None
