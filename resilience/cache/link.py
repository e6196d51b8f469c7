"""Whether the cache server is used, and when it is tried again. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TRIES = 3
PAUSES = (0.1, 0.5, 2.0)  # seconds before each of the tries after a loss


class LinkState(StrEnum):
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # lost a moment ago; tried a few times in quick succession
    FALLBACK = "fallback"  # given up for now; looked at every `check_seconds`


@dataclass(slots=True)
class Link:
    """Times are of one monotonic clock, in seconds.

    | from | what happens | to |
    | --- | --- | --- |
    | connected | a call or a check fails | reconnecting, a try in 0.1 s |
    | reconnecting | a try fails | reconnecting, the next in 0.5 s, then 2 s; after the third: fallback |
    | fallback | a check fails | fallback, the next after `check_seconds` |
    | reconnecting, fallback | a try succeeds | connected |
    """

    check_seconds: float
    state: LinkState = LinkState.CONNECTED
    since: float = 0.0
    next_look: float = 0.0
    tries: int = 0

    @property
    def is_up(self) -> bool:
        return self.state is LinkState.CONNECTED

    def lost(self, now: float) -> bool:
        """A call failed. Return whether this is news."""
        if not self.is_up:
            return False
        self._become(LinkState.RECONNECTING, now)
        self.tries, self.next_look = 0, now + PAUSES[0]
        return True

    def looked(self, now: float, *, well: bool) -> bool:
        """A check or a try ended. Return whether the state changed."""
        before = self.state
        if well:
            self.tries, self.next_look = 0, now + self.check_seconds
            if not self.is_up:
                self._become(LinkState.CONNECTED, now)
        elif self.is_up:
            self.lost(now)
        else:
            self._failed_again(now)
        return self.state is not before

    def look_soon(self, now: float) -> None:
        self.next_look = now

    def _failed_again(self, now: float) -> None:
        self.tries += 1
        if self.state is LinkState.RECONNECTING and self.tries < TRIES:
            self.next_look = now + PAUSES[self.tries]
            return
        if self.state is not LinkState.FALLBACK:
            self._become(LinkState.FALLBACK, now)
        self.next_look = now + self.check_seconds

    def _become(self, state: LinkState, now: float) -> None:
        self.state, self.since = state, now
