"""What every API view shares: errors as problems, newest-first cursor pages, versions in ETags, who is asking."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from resilience.errors import AppError

from . import errors
from .problems import error_response
from .translate import as_app_error

log = structlog.get_logger(__name__)


class NewestFirst(CursorPagination):
    """Pages by time: a cursor carries the time of the last row, never a primary key."""

    ordering = ("-created_at", "-id")
    page_size_query_param = "limit"
    max_page_size = 200


PUBLIC_ID = r"[a-z]{3}_[0-9a-z]{1,36}"  # lookup_value_regex of every view set


def authenticated_user(request: HttpRequest) -> User:
    """Return who asks, by session or token, for a view that is not one of DRF's.

    Raises:
        NotSignedIn: nobody we know.
    """
    kinds: Sequence[type[BaseAuthentication]] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment] # loaded from their names
    try:
        return person(Request(request, authenticators=[kind() for kind in kinds]))
    except exceptions.APIException as exception:
        raise _from_drf(exception) from exception


def person(request: Request) -> User:
    """Return who is signed in.

    Raises:
        NotSignedIn: nobody.
    """
    if not isinstance(request.user, User):
        raise errors.NotSignedIn()
    return request.user


def tagged(request: Request, data: Any, *, version: int) -> HttpResponse:
    """Answer with `data` under an ETag, or 304 when the caller has it already.

    The tag is `"<version>-<hash of the body>"`: the hash lets a poll see progress that changes no version, the version is what
    `require_version` compares, so that progress does not stand in the way of a change of the title.
    """
    digest = hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:16]
    etag = f'"{version}-{digest}"'
    known = {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
    response: HttpResponse = HttpResponseNotModified() if request.method == "GET" and known & {etag, "*"} else Response(data)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


def require_version(request: Request) -> int | None:
    """Return the version a change is based on, out of `If-Match`; None for `*`, which takes any.

    Raises:
        VersionRequired: the header is missing (428).
        VersionMismatch: it holds no tag of ours (412).
    """
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise errors.VersionRequired()
    if given == "*":
        return None
    version = given.strip('"').partition("-")[0]
    if given.startswith("W/") or not version.isascii() or not version.isdecimal():
        raise errors.VersionMismatch()
    return int(version[:18])


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
