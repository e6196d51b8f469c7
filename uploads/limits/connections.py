"""How many connections a person sends over at once, in this process."""

from __future__ import annotations

from collections import Counter

from django.conf import settings

from uploads.errors.limits import TooManyRequests

RETRY_SECONDS = 5.0


class Connections:
    """Take one before sending, give it back when over. For one event loop: nothing comes between a check and its count."""

    def __init__(self) -> None:
        self._held: Counter[int] = Counter()

    def take(self, owner_id: int) -> None:
        """Raises: TooManyRequests."""
        limit, used = settings.UPLOAD_USER_CONNECTIONS, self._held[owner_id]
        if limit and used >= limit:
            raise TooManyRequests(retry_after=RETRY_SECONDS, used=used, limit=limit)
        self._held[owner_id] += 1

    def give_back(self, owner_id: int) -> None:
        self._held[owner_id] -= 1
        if not self._held[owner_id]:
            del self._held[owner_id]  # nobody is remembered for ever
