"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from resilience.metrics.exposition import exposition
from resilience.version import VERSION

from .access import may_look
from .readiness import Part, current

RETRY_AFTER_SECONDS = "5"


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: this process answers. Asks nothing of anybody else."""
    return JsonResponse({"status": "ok", "version": VERSION})


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: what this process needs to serve is there. 200 `ok` or `degraded` (something is missing that it can do without), else 503."""
    now = current()
    body: dict[str, Any] = {"status": str(now.state)}
    if may_look(request):
        body["parts"] = {part.name: _detail(part) for part in now.parts}
    response = JsonResponse(body, status=200 if now.ready else 503)
    if not now.ready:
        response["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def _detail(part: Part) -> dict[str, Any]:
    return {"status": str(part.health.state), "critical": part.critical, "said": part.health.said, "seconds": round(part.took, 3)}


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything counted, for Prometheus. Without the database it says so, and what it has."""
    if not may_look(request):
        raise PermissionDenied
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
