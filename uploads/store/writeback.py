"""Asking the kernel to begin writing back, so that little is left to wait for when a file is synced."""

from __future__ import annotations

import ctypes
import sys

LEAST_BYTES = 512 * 1024  # less is not worth the call
_WRITE = 2  # SYNC_FILE_RANGE_WRITE, sync_file_range(2)


def _of_libc() -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)  # Python's `os` does not have it
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function


_sync_file_range = _of_libc()


def begin_writeback(descriptor: int, *, offset: int, size: int) -> None:
    """Let the kernel begin to write a range to the disk, without waiting for it.

    It promises nothing, and a failure is not told here: `fdatasync` does both.
    """
    if _sync_file_range is not None and size >= LEAST_BYTES:
        _sync_file_range(descriptor, offset, size, _WRITE)
