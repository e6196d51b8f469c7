"""Statements that take long are written down by what they are, never by whom they are about: values do not get into the log."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings

from resilience.metrics import counter

log = structlog.get_logger(__name__)

SLOW = counter("holdfast_database_slow_queries_total", "Statements that took longer than SLOW_QUERY_SECONDS, by fingerprint.", ["fingerprint"])
_LONGEST_TEXT = 1_000
_VALUES = (
    (re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL), " "),
    (re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL), "?"),
    (re.compile(r"E'(?:[^'\\]|\\.|'')*'", re.IGNORECASE | re.DOTALL), "?"),
    (re.compile(r"'(?:[^']|'')*'"), "?"),
    (re.compile(r"%\(\w+\)s|%s|%b|%t"), "?"),
    (re.compile(r"(?<![\w\"])\d+(?:\.\d+)?(?:e[+-]?\d+)?\b", re.IGNORECASE), "?"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"\( ?\?(?: ?, ?\?)* ?\)"), "(?)"),  # of any length: one fingerprint for one statement
    (re.compile(r"\(\?\)(?: ?, ?\(\?\))+"), "(?)"),
)


def normalise(sql: str) -> str:
    """Return a statement without values, comments and line breaks; lists of values have one element."""
    for pattern, replacement in _VALUES:
        sql = pattern.sub(replacement, sql)
    return sql.strip()


def fingerprint(normalised: str) -> str:
    """Return 16 hex digits that stand for a normalised statement."""
    return hashlib.sha256(normalised.encode()).hexdigest()[:16]


def watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement for Django (an execute wrapper). One that is quick costs two looks at the clock."""
    started = time.monotonic()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.monotonic() - started
        if seconds > settings.SLOW_QUERY_SECONDS:
            _report(sql, seconds)


def _report(sql: Any, seconds: float) -> None:
    text = normalise(sql if isinstance(sql, str) else str(sql))
    mark = fingerprint(text)
    SLOW.labels(mark).inc()
    log.warning("database.slow_query", fingerprint=mark, sql=text[:_LONGEST_TEXT], seconds=round(seconds, 3))
