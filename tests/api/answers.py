"""Where the API is, and what its refusals look like."""

from __future__ import annotations

import json
from typing import Any

API = "/api/v1"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(answer.content)
    assert body["code"] == code
    assert body["status"] == status
    assert body["request_id"] == answer["X-Request-ID"]
    return body
