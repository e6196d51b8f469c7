"""SIGTERM: writers commit what they have at once, instead of holding the worker until it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from types import FrameType

from uploads.append import active
from uploads.append.active import Stop

_watched_process = 0
_draining = False


def draining() -> bool:
    return _draining


def watch_for_shutdown() -> None:
    """Hook into SIGTERM once per process, beside the server's own handler, which still runs.

    An event loop's handler is woken by the signal itself (set_wakeup_fd), whatever Python function is set; a plain one is called on.
    """
    global _watched_process, _draining
    if _watched_process == os.getpid() or threading.current_thread() is not threading.main_thread():
        return
    _watched_process, _draining = os.getpid(), False
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)

    def on_terminate(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_drain)
        if callable(before):
            before(number, frame)
        elif before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_terminate)
    signal.siginterrupt(signal.SIGTERM, False)


def _drain() -> None:
    global _draining
    _draining = True
    active.stop_all(Stop.DRAINING)
