"""What is counted of requests: by route template, never by path, so that no address makes a label of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from resilience.metrics import counter, gauge, histogram

from .middleware import Middleware

MOST_ROUTES = 1000  # times method times status
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = counter("holdfast_http_requests_total", "Requests answered, by route, method and status.", ["route", "method", "status"], most=MOST_ROUTES)
SECONDS = histogram("holdfast_http_request_seconds", "Time until the answer began, by route and method.", ["route", "method"], buckets=QUICK)
IN_FLIGHT = gauge("holdfast_http_requests_in_flight", "Requests being answered now, uploads apart.")


class FiguresMiddleware(Middleware):
    """The outermost: what any other answers is counted too. An answer that goes on for ever (a live stream) counts until it began."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        began = time.perf_counter()
        IN_FLIGHT.inc()
        try:
            answer = self.get_response(request)
            assert isinstance(answer, HttpResponseBase)
            _count(request, answer.status_code, time.perf_counter() - began)
            return answer
        finally:
            IN_FLIGHT.dec()

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        IN_FLIGHT.inc()
        try:
            pending = self.get_response(request)
            assert not isinstance(pending, HttpResponseBase)
            answer = await pending
            _count(request, answer.status_code, time.perf_counter() - began)
            return answer
        finally:
            IN_FLIGHT.dec()  # also when the client hung up and the handler was cancelled


def _count(request: HttpRequest, status: int, seconds: float) -> None:
    route = request.resolver_match.route if request.resolver_match else "none"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(route, method, status).inc()
    SECONDS.labels(route, method).observe(seconds)
