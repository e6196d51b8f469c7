"""Answers for what no view handled, and the two health addresses."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import BadRequest as DjangoBadRequest
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from resilience.errors import InternalUnclassified
from resilience.version import VERSION

from .errors import FormExpired
from .middleware import respond_to
from .problems import error_response
from .translate import DATABASE_DOWN


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond_to(request, exception or DjangoBadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond_to(request, exception)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond_to(request, exception if isinstance(exception, Http404) else Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    raised = sys.exc_info()[1]
    return respond_to(request, raised if isinstance(raised, Exception) else InternalUnclassified())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(request, FormExpired())


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: this process answers. Asks nothing of anybody else."""
    return JsonResponse({"status": "ok", "version": VERSION})


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: what this process needs to serve is there. 503 without the database."""
    parts: dict[str, Any] = {"database": "ok"}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DATABASE_DOWN:
        parts["database"] = "unavailable"
    ready = all(state == "ok" for state in parts.values())
    response = JsonResponse({"status": "ok" if ready else "unavailable", "parts": parts}, status=200 if ready else 503)
    if not ready:
        response["Retry-After"] = "5"
    return response
