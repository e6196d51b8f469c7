"""Get a job's input and say what it holds. What content holds is remembered by its version, so that `fast` need not read it twice."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import storage
from .codes import JobError
from .probing import examine
from .source import Source

REMEMBERED = 1_000
FOLDERS = "mediaconvert-"
_known: OrderedDict[tuple[str, int], Source | tuple[int, str]] = OrderedDict()
_lock = threading.Lock()
_each: dict[tuple[str, int], threading.Lock] = {}


@contextmanager
def workspace() -> Iterator[Path]:
    """Make a folder of one job, and remove it whatever happens; and those of processes that were killed."""
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{FOLDERS}*-*"):
        pid = folder.name.removeprefix(FOLDERS).partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def fetch(s3: Any, url: str, folder: Path, check: Callable[[], None]) -> tuple[Source, Path]:
    """Download an input and examine it.

    Raises:
        JobError: it is not there, or not what the service can open. What `check` raises.
    """
    storage.head(s3, url)
    path = folder / "input"
    storage.download(s3, url, path, check)
    return examine(path, url=url), path


def recall(s3: Any, url: str, check: Callable[[], None]) -> Source:
    """As `fetch`, but content that was examined before is not downloaded again; that it is there is asked each time."""
    found = storage.head(s3, url)
    key = (found.version, found.size)
    with _lock:
        one = _each.setdefault(key, threading.Lock())
    with one:  # many jobs with the same content wait for the first
        known = _remembered(key)
        if known is None:
            known = _examined(s3, url, check)
            _remember(key, known)
    if not isinstance(known, Source):
        raise JobError(known[0], known[1].replace("{url}", url))
    return replace(known, url=url)


def _examined(s3: Any, url: str, check: Callable[[], None]) -> Source | tuple[int, str]:
    with workspace() as folder:
        path = folder / "input"
        storage.download(s3, url, path, check)
        try:
            return examine(path, url="{url}")
        except JobError as error:
            return error.code, error.message


def _remembered(key: tuple[str, int]) -> Source | tuple[int, str] | None:
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        return _known.get(key)


def _remember(key: tuple[str, int], known: Source | tuple[int, str]) -> None:
    with _lock:
        _known[key] = known
        if len(_known) > REMEMBERED:
            _each.pop(_known.popitem(last=False)[0], None)
