"""Answers for what no view handled."""

from __future__ import annotations

import sys

from django.core.exceptions import BadRequest as DjangoBadRequest
from django.http import Http404, HttpRequest, HttpResponse

from resilience.errors import InternalUnclassified

from .errors import FormExpired
from .middleware import respond_to
from .problems import error_response


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
