"""Memory of a web worker's threads: glibc gives each a stock of its own and keeps in it what large bodies once took."""

from __future__ import annotations

import ctypes
import platform

MOST_ARENAS = 2  # the threads share one interpreter: only one of them allocates at a time anyway
_M_ARENA_MAX = -8  # malloc.h


def share_memory_between_threads() -> bool:
    """Let all threads of this process take from the same stock. Call it before they start.

    Returns:
        False where the C library has no such stocks (musl, macOS): nothing to do there.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, MOST_ARENAS))
