"""The hard way out of a body that does not ask whether its time is up."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HARD_GRACE_SECONDS = 5.0  # after the timeout: a body that asks has left by then
REPEAT_SECONDS = 5.0  # for a body that swallowed the first one
STUCK_GRACE_SECONDS = 30.0  # after the timeout: the signal did not get through either (a native call that never returns)


class DeadlinePassed(BaseException):
    """Raised by the alarm inside a body. Not an Exception: a body's own `except Exception` must not eat it."""


@contextmanager
def hard_deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlinePassed in the block once `seconds` have passed. Works in a main thread only; elsewhere it does nothing.

    An alarm that was already set (django-q2 sets one) goes on afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_it(_signal: int, _frame: FrameType | None) -> None:
        raise DeadlinePassed

    began = time.monotonic()
    before_handler = signal.signal(signal.SIGALRM, raise_it)
    before_left, before_repeat = signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before_handler if before_handler is not None else signal.SIG_DFL)
        if before_left:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, before_left - (time.monotonic() - began)), before_repeat)
