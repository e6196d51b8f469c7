"""Copies of remote files on this host, for the time somebody needs a path. Locked while in use; whatever is left by a crash has no lock."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from resilience.faults import point

from .base import Check, StoreMissing

_BLOCK = 8 * 2**20
_MARK = "source-"
LEFT_SECONDS = 60.0


@contextmanager
def local_copy(key: str, *, size: int, read: Callable[[int, int], bytes], check: Check | None) -> Iterator[Path]:
    """Bring a file here and give its path; it is removed at the end of the block.

    Args:
        size: bytes it must have.
        read: from an offset so many bytes.
        check: called before every block; raises to stop.

    Raises:
        OSError: ENOSPC when there is no room, and whatever else the disk says.
        StoreMissing: the source is shorter than it must be.
    """
    folder = Path(settings.WORK_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    reap_copies(dry_run=False)
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path = folder / f"{_MARK}{key}-{uuid.uuid4().hex}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for first in range(0, size, _BLOCK):
            if check is not None:
                check()
            block = read(first, min(_BLOCK, size - first))
            if len(block) != min(_BLOCK, size - first):
                raise StoreMissing
            _write(descriptor, block)
        point("uploads.copy.made")
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def reap_copies(*, dry_run: bool = False) -> int:
    """Remove copies on this host whose process died. Return how many."""
    folder, latest, count = Path(settings.WORK_DIR), time.time() - LEFT_SECONDS, 0
    for path in sorted(folder.glob(f"{_MARK}*")) if folder.is_dir() else []:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if os.fstat(descriptor).st_mtime > latest:
                continue  # its owner may be about to lock it
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            count += 1
            if not dry_run:
                path.unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return count


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
