"""Django's cache over Redis or Valkey that goes on without its server: in this process's memory, bounded, and made good afterwards."""

from __future__ import annotations

import re
from typing import Any

from django.core.cache.backends.redis import RedisCache

from .keeper import server_of
from .server import Server


class FailoverCache(RedisCache):
    """OPTIONS: `budget` (seconds one call may take), `check_seconds`, `most_entries`, `most_bytes`, `most_waiting`; others are redis-py's.

    Django makes one of these per thread or request; what they stand on is one per process.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.addresses: list[str] = re.split("[;,]", server) if isinstance(server, str) else list(server)
        self.given = {**DEFAULTS, **params.get("OPTIONS", {})}
        self._key = repr((self.addresses, sorted(self.given.items())))

    @property
    def _cache(self) -> Server:  # type: ignore[override] # it has the same methods
        return server_of(self._key, self.addresses, self.given)


DEFAULTS: dict[str, Any] = {"budget": 0.2, "check_seconds": 30.0, "most_entries": 10_000, "most_bytes": 32 * 2**20, "most_waiting": 10_000}
