"""What `/readyz` says of the cache: with its server away this process goes on alone, and says so."""

from __future__ import annotations

from django.core.cache import caches

from resilience.watching.readiness import Health, degraded, ok, readiness

from . import is_shared


@readiness("cache", critical=False)
def cache() -> Health:
    if not is_shared():
        return ok("Each process has its own.")
    server = caches["default"]._cache  # type: ignore[attr-defined]
    if server.link.is_up:
        return ok("The server answers.")
    return degraded(f"{server.link.state}: this process counts for itself, {server.local.waiting()} writes wait for the server. {server.last_error}")
