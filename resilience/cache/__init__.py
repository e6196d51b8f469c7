"""The cache with a stand-in: `backend.FailoverCache` for CACHES, `keeper` for who looks after it."""

from __future__ import annotations

from django.conf import settings


def is_shared() -> bool:
    """Whether processes share a cache server, and so may lose it. Asked before anything that needs redis-py is imported."""
    return str(settings.CACHES["default"]["BACKEND"]).endswith(".FailoverCache")
