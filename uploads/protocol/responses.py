"""Answers, before they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from resilience.errors import AppError
from resilience.http.problems import PROBLEM_TYPE, problem_bytes


@dataclass(slots=True)
class Response:
    """`stream` replaces `body` where the answer is a file; then the headers carry its length."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


def problem_response(error: AppError, *, instance: str) -> Response:
    """Return an error as a problem body, its code also as a header: the answer to HEAD has no body. `instance` must not hold a token."""
    body = problem_bytes(error, instance=instance)
    headers = {"Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", "Holdfast-Problem": error.code, **error.headers()}
    return Response(status=error.entry.status, headers=headers, body=body)
