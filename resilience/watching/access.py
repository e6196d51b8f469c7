"""Who may look at figures and details: who knows the token, or who comes from a network named in the settings, and not through a proxy."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

from resilience.http.limits import client_address

_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


def may_look(request: HttpRequest) -> bool:
    """Return whether this request may see /metrics and the details of /readyz."""
    return _knows_token(request) or _comes_from_near(request)


def _knows_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _comes_from_near(request: HttpRequest) -> bool:
    """A proxy on this machine makes the whole world look near: what was handed on counts only where a trusted proxy says from whom."""
    if not settings.TRUST_PROXY and any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)
