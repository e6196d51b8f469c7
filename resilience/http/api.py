"""What every API view shares: errors as problems, and newest-first cursor pages."""

from __future__ import annotations

from typing import Any

import structlog
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination

from resilience.errors import AppError

from . import errors
from .problems import error_response
from .translate import as_app_error

log = structlog.get_logger(__name__)


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 200


def exception_handler(exception: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's seam for errors: one shape for all of them."""
    error = _from_drf(exception)
    request = context["request"]._request
    if error.entry.status >= 500:
        log.error("request.failed", path=request.path, code=error.code, exc_info=exception)
    return error_response(request, error)


def _from_drf(exception: Exception) -> AppError:
    match exception:
        case exceptions.ValidationError():
            return errors.ValidationFailed(errors=tuple(_faults(exception.get_full_details(), "")))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return errors.NotSignedIn()
        case exceptions.PermissionDenied():
            return errors.NotAllowed()
        case exceptions.NotFound():
            return errors.NotFound()
        case exceptions.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case exceptions.NotAcceptable():
            return errors.NotAcceptable()
        case exceptions.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case exceptions.Throttled():
            return errors.RateLimited(retry_after=getattr(exception, "wait", None) or 60)
        case exceptions.ParseError():
            return errors.BadRequest()
        case _:
            return as_app_error(exception)


def _faults(detail: Any, pointer: str) -> list[dict[str, str]]:
    """Flatten DRF's nested details to JSON Pointers (RFC 6901)."""
    if isinstance(detail, dict) and set(detail) == {"message", "code"}:
        return [{"pointer": pointer or "/", "code": str(detail["code"]), "detail": str(detail["message"])}]
    if isinstance(detail, dict):
        return [fault for name, inner in detail.items() for fault in _faults(inner, pointer if name == "non_field_errors" else f"{pointer}/{name}")]
    if isinstance(detail, list):
        nested = any(isinstance(item, dict) and set(item) != {"message", "code"} for item in detail)
        return [fault for index, item in enumerate(detail) for fault in _faults(item, f"{pointer}/{index}" if nested else pointer)]
    return []
