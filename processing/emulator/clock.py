"""The emulator's time: the machine's, plus what its clock was advanced by. A minute passes in a test without waiting a minute."""

from __future__ import annotations

import threading
import time


class Clock:
    """Seconds since 1970. Threads that wait on it are woken when it is advanced."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._moved = threading.Condition()

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> float:
        """Move it on and return the new time.

        Raises:
            ValueError: it would go back.
        """
        if seconds < 0:
            raise ValueError("a clock cannot be advanced by less than nothing")
        with self._moved:
            self._ahead += seconds
            self._moved.notify_all()
        return self.now()

    def reset(self) -> None:
        with self._moved:
            self._ahead = 0.0
            self._moved.notify_all()

    def wake(self) -> None:
        """Let every waiting thread look whether it should stop."""
        with self._moved:
            self._moved.notify_all()

    def wait_until(self, when: float, stop: threading.Event) -> bool:
        """Wait until it is `when`. Return False if `stop` was set before; who sets it calls `wake` as well."""
        with self._moved:
            while not stop.is_set() and (left := when - self.now()) > 0:
                self._moved.wait(min(left, 1.0))
        return not stop.is_set()
