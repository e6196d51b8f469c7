"""Files that are replaced as a whole: whoever reads one sees the old or the new content, never a part of either."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def replace_text(file: Path, text: str, *, durable: bool = False) -> None:
    """Write a file's new content beside it, then put it in its place. Its folder is made where it is missing.

    Args:
        durable: return only when it outlives a power cut.

    Raises:
        OSError: it could not be written; the old content is still there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_native_id()}")
    try:
        with fresh.open("w") as out:
            out.write(text)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
