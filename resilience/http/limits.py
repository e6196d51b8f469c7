"""Rate limits, by django-ratelimit, in one place: views, API and uploads count alike."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.throttling import BaseThrottle

from .errors import RateLimited

log = structlog.get_logger(__name__)

# group → rates, all of which must hold: count per seconds, minutes or hours, per client (account, else address)
RATES: dict[str, tuple[str, ...]] = {
    "api": ("100/m", "1000/h"),
    "parts": ("600/m", "12000/h"),  # one request per part of a file
    "stream": ("60/m",),
    "login": ("5/15m",),
    "signup": ("3/h",),
    "help": ("10/h",),
}


def _client(_group: str, request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return f"user:{user.pk}" if user is not None and user.is_authenticated else f"address:{client_address(request)}"


def client_address(request: HttpRequest) -> str:
    """Where the client is. Behind our proxy everybody comes from the proxy, which appends the address it saw to X-Forwarded-For."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.TRUST_PROXY else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _named(name: str) -> Any:
    digest = hashlib.sha256(name.lower().encode()).hexdigest()[:32]
    return lambda _group, _request: f"name:{digest}"


def seconds_to_wait(request: HttpRequest, group: str, *, name: str = "") -> int:
    """Count this request. Return 0 when it may go on, else the seconds until it may.

    Args:
        group: a key of RATES.
        name: count by this name (an e-mail address, say) instead of by client.
    """
    if not settings.RATE_LIMITS:
        return 0
    try:
        return max(_seconds(request, group, rate, name) for rate in RATES[group])
    except Exception as failure:  # noqa: BLE001 - caches fail each in their own way; one that is away must not lock people out
        log.warning("limits.not_counted", group=group, reason=type(failure).__name__)
        return 0


def _seconds(request: HttpRequest, group: str, rate: str, name: str) -> int:
    usage = get_usage(request, group=f"{group}:{rate}", key=_named(name) if name else _client, rate=rate, increment=True)
    return max(int(usage["time_left"]), 1) if usage is not None and usage["should_limit"] else 0


def require_rate(request: HttpRequest, group: str, *, name: str = "") -> None:
    """Count this request.

    Raises:
        RateLimited: too many; carries the seconds to wait.
    """
    seconds = seconds_to_wait(request, group, name=name)
    if seconds:
        raise RateLimited(retry_after=seconds)


class ClientThrottle(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        http_request = request._request
        http_request.user = request.user
        self._seconds = seconds_to_wait(http_request, getattr(view, "rate_group", "api"))
        return self._seconds == 0

    def wait(self) -> float | None:
        return float(self._seconds)
