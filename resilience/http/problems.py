"""Every error, from every layer, as `application/problem+json` (RFC 9457) for programs or a readable page for browsers."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from resilience.errors import Action, AppError, Retry
from resilience.metrics import counter

from .request_ids import current_request_id

PROBLEM_TYPE = "application/problem+json"
ERRORS = counter("holdfast_errors_total", "Errors answered to people and programs, by code of the catalogue.", ["code"])


def action_address(action: Action) -> str:
    """The address an action leads to when no page gives it a better one."""
    if action.target.startswith("guide:"):
        return f"/help/{action.target.removeprefix('guide:')}/"
    return {"home": "/", "login": "/accounts/login/", "ask_for_help": "/tickets/new/", "tickets": "/tickets/"}.get(action.target, "")


def problem(error: AppError, *, instance: str = "") -> dict[str, Any]:
    """Return the problem body of an error (surface of the whole API; keys as in the OpenAPI schema)."""
    entry = error.entry
    body: dict[str, Any] = {
        "type": entry.type_uri,
        "title": entry.title,
        "status": entry.status,
        "detail": error.detail,
        "instance": instance,
        "code": entry.code,
        "request_id": current_request_id(),
        "retryable": entry.retry in (Retry.AUTO, Retry.AFTER_WAIT),
        "doc_url": f"/help/{entry.guide}/" if entry.guide else f"/problems/{entry.slug}/",
        "actions": [{"kind": action.kind.value, "label": action.label, "href": action_address(action)} for action in entry.actions],
        "errors": list(error.errors),
    }
    if error.retry_after is not None:
        body["retry_after"] = max(1, round(error.retry_after))
    extensions = {name.replace("_", "-") if entry.problem_type else name: value for name, value in error.fields.items()}
    return body | {name: value for name, value in extensions.items() if name not in body}


def problem_bytes(error: AppError, *, instance: str = "") -> bytes:
    return json.dumps(problem(error, instance=instance), default=str).encode()


def wants_html(request: HttpRequest) -> bool:
    if request.path.startswith(("/api/", "/files/")):
        return False
    return request.accepts("text/html") and "text/html" in request.headers.get("Accept", "")


def error_response(request: HttpRequest, error: AppError) -> HttpResponse:
    """Return the answer for an error: a page for browsers, a problem for programs. Never touches the database."""
    ERRORS.labels(error.entry.code).inc()
    if wants_html(request):
        context = {"error": error, "entry": error.entry, "request_id": current_request_id(), "path": request.path}
        response = HttpResponse(render_to_string("errors/page.html", context), status=error.entry.status)
    else:
        response = HttpResponse(problem_bytes(error, instance=request.path), status=error.entry.status, content_type=PROBLEM_TYPE)
    for name, value in error.headers().items():
        response[name] = value
    response["Cache-Control"] = "no-store"
    return response
