"""Processes that do not outlive their parent, however it ends, and that `ps` and `top` can tell apart."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 1.0
_forking_pid = 0


def die_with_parent(parent_pid: int) -> None:
    """Have this process killed when its parent ends. On Linux the kernel does it; elsewhere a thread looks every second.

    Args:
        parent_pid: the parent as it was known before it could have ended; if it already has, this process ends here.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent_pid:
        os._exit(1)


def forks_die_with_this_process() -> None:
    """Make every process forked from here on, and theirs, die with its own parent. Programs started by `subprocess` are not concerned."""
    os.register_at_fork(before=_remember, after_in_child=lambda: die_with_parent(_forking_pid))


@contextlib.contextmanager
def process_name(name: str) -> Iterator[None]:
    """Have this thread, and what is forked from it meanwhile, go by a name (15 characters count). Linux only; elsewhere nothing happens."""
    own = Path("/proc/thread-self/comm")
    if not own.exists():
        yield
        return
    before = own.read_text().rstrip("\n")
    own.write_text(name)
    try:
        yield
    finally:
        own.write_text(before)


def _remember() -> None:
    global _forking_pid
    _forking_pid = os.getpid()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
