"""A minimum rate for a request's body: a connection that only trickles is ended, with what arrived kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(slots=True)
class MinimumRate:
    """Judge a sender by the time we spent waiting for it: how slow our own disk or database is counts for nothing.

    Args:
        bytes_per_second: less than this on average is too slow; 0 accepts any.
        seconds: of waiting that are averaged over, and let go by at the start.
    """

    bytes_per_second: int
    seconds: float
    too_slow: bool = False
    _begun: bool = False
    _waited: float = 0.0
    _mark: int = 0

    @classmethod
    def of_settings(cls) -> MinimumRate:
        return cls(settings.UPLOAD_MINIMUM_RATE, settings.UPLOAD_MINIMUM_RATE_SECONDS)

    def note(self, *, waited: float, received: int) -> None:
        """Note some seconds of waiting, after which `received` bytes had come in all."""
        self._waited += waited
        if self._waited < self.seconds:
            return
        if self._begun and received - self._mark < self.bytes_per_second * self._waited:
            self.too_slow = True
        self._begun, self._waited, self._mark = True, 0.0, received
