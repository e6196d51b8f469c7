"""Settings of the cache (config/settings.py takes them all over). Without a server each process has one of its own."""

from __future__ import annotations

from typing import Any

from config import env

CACHE_URL = env.url("CACHE_URL", schemes=("redis", "rediss", "unix"))


def _cache() -> dict[str, Any]:
    if not CACHE_URL:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}
    options = {
        "budget": env.integer("CACHE_BUDGET_MS", 200, minimum=10, maximum=250) / 1000,
        "check_seconds": env.number("CACHE_CHECK_SECONDS", 30.0, minimum=1.0, maximum=3600.0),
        "most_entries": env.integer("CACHE_STANDIN_ENTRIES", 10_000, minimum=1),
        "most_bytes": env.size("CACHE_STANDIN_SIZE", 32 * 2**20),
        "most_waiting": env.integer("CACHE_WAITING_WRITES", 10_000, minimum=1),
    }
    return {"BACKEND": "resilience.cache.backend.FailoverCache", "LOCATION": CACHE_URL, "OPTIONS": options}


CACHES = {"default": _cache()}
