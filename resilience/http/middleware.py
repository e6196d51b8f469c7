"""Request ids on everything, and one seam where exceptions become answers. Both work with sync and async handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .problems import error_response
from .request_ids import bind_request, choose_request_id, current_request_id
from .translate import as_app_error

log = structlog.get_logger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class Middleware:
    """For servers of either kind: something before the rest, something after it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        self.before(request)
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return self.after(request, answer)
        return self._finish(request, answer)

    async def _finish(self, request: HttpRequest, pending: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return self.after(request, await pending)

    def before(self, request: HttpRequest) -> None: ...

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response


class RequestIdMiddleware(Middleware):
    def before(self, request: HttpRequest) -> None:
        request_id = choose_request_id(request.headers.get("X-Request-ID", ""))
        request.META["holdfast.request_id"] = request_id
        bind_request(request_id=request_id, traceparent=request.headers.get("traceparent", ""))

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-ID"] = request.META["holdfast.request_id"]
        return response


class ErrorMiddleware(Middleware):
    """Turn what a view raised into a problem or a page. The trace goes to the log under the request id, never to the reader."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        return respond_to(request, exception)


def respond_to(request: HttpRequest, exception: Exception) -> HttpResponse:
    error = as_app_error(exception)
    if error.entry.status >= 500:
        log.error("request.failed", path=request.path, code=error.code, request_id=current_request_id(), exc_info=exception)
    return error_response(request, error)
