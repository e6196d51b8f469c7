"""The status page: for anybody, asking neither who it is nor the database."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.status import headline, standings
from resilience.watching.readiness import current


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    found = standings(current())
    return HttpResponse(render_to_string("status/status.html", {"headline": headline(found), "standings": found, "now": timezone.now()}))
