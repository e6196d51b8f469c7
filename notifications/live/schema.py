"""The live stream in the OpenAPI description: it is no DRF view, so it is added by hand."""

from __future__ import annotations

from typing import Any

_DESCRIPTION = """What happens to your videos, as it happens. Each message has the id of an event, its kind, and one line of JSON:
`video.changed` {video, state, title, …}, `job.progress` {video, job, percent, phase}, `notification.created` {notification, title, unread},
`notification.read` {unread}, `ticket.changed` {ticket, state}. A fresh stream begins with `hello` {id}. With `Last-Event-ID` the stream goes on exactly
after that event. It ends after at most 15 minutes; clients connect again by themselves."""


def describe_stream(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook of drf-spectacular."""
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    number = {"type": "string", "pattern": "^[0-9]{1,19}$"}
    result["paths"]["/api/v1/events"] = {
        "get": {
            "operationId": "events_stream",
            "description": _DESCRIPTION,
            "tags": ["events"],
            "security": [{"knoxApiToken": []}, {"cookieAuth": []}],
            "parameters": [
                {"name": "Last-Event-ID", "in": "header", "schema": number, "description": "The last event seen."},
                {"name": "last_event_id", "in": "query", "schema": number, "description": "The same, for clients that cannot set headers."},
            ],
            "responses": {
                "200": {"description": "Server-Sent Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                "400": {"description": "Not the id of an event", **problem},
                "401": {"description": "Not signed in", **problem},
                "429": {"description": "Too many new streams", **problem},
                "503": {"description": "Not available right now", **problem},
            },
        }
    }
    return result
