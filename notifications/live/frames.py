"""Server-Sent Events on the wire (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from typing import Any

from notifications.models import Event

RETRY_MS = 3_000
CROWDED_RETRY_MS = 60_000

HEARTBEAT = b": still here\n\n"


def retry(milliseconds: int) -> bytes:
    """Tell the client how long to wait before it connects again."""
    return f"retry: {milliseconds}\n\n".encode()


def hello(last_id: int) -> bytes:
    """The first event of a fresh stream: everything after this id will come."""
    return _frame(last_id, "hello", {"id": last_id})


def of(event: Event) -> bytes:
    told: dict[str, Any] = {**event.data, "at": event.at.isoformat()}
    if event.sentence:
        told["sentence"] = event.sentence
    return _frame(event.pk, event.kind, told)


def _frame(number: int, kind: str, data: dict[str, Any]) -> bytes:
    # json.dumps escapes line breaks: the data is always one line
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()
