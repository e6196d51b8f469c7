"""One id per request, on every log line, row and answer it leads to."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Mapping

import structlog

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def uuid7() -> str:
    """Return a time-ordered UUID (RFC 9562, version 7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def choose_request_id(given: str) -> str:
    """Keep a caller's X-Request-ID if it is well formed, else make one."""
    return given if _ACCEPTED.fullmatch(given) else uuid7()


def bind_request(*, request_id: str, traceparent: str = "") -> None:
    structlog.contextvars.clear_contextvars()
    bound = {"request_id": request_id}
    if traceparent:
        bound["traceparent"] = traceparent[:64]
    structlog.contextvars.bind_contextvars(**bound)


def current_request_id() -> str:
    """The id everything done now belongs to: of the request, or of the request that enqueued the running task. May be empty."""
    context: Mapping[str, object] = structlog.contextvars.get_contextvars()
    return str(context.get("request_id", ""))
