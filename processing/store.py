"""The rendition store: files put whole or not at all, by names that are never used twice. On this host's disk or in S3, by its storage class."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from resilience.circuits import CircuitOpen
from resilience.faults import point

log = structlog.get_logger(__name__)

TEXT_MARK = "text-"  # of files on their way into the store
FOLDER_MARK = "extra-"  # of working folders of what is made besides renditions
PATIENCE_SECONDS = 600.0  # while a store is away, what was made waits for it this long; then the task does, and it is made again
LOOK_SECONDS = 1.0
LONGEST_TEXT = 4 * 2**20


class _Movable(File):  # type: ignore[type-arg]
    """A local file that a disk store may rename into place (atomic) instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def is_remote() -> bool:
    """Whether renditions are in S3."""
    return bool(settings.RENDITION_STORE == "s3")


def put_file(local: Path, name: str) -> None:
    """Put one local file under a name nobody used before; the local one is gone afterwards.

    In S3 an object is there as a whole or not at all, and a second put of the same name only ever brings the same content (a call that is
    made again because its answer was lost): there nothing is refused.

    Raises:
        FileExistsError: the name is taken. OSError: the store failed; nothing that looks finished is left. CircuitOpen: it is away.
    """
    with _Movable(local) as content:
        os.fsync(content.fileno())
        kept = default_storage.save(name, content)
        point("processing.store.file_put")
    local.unlink(missing_ok=True)
    if kept != name:
        default_storage.delete(kept)
        raise FileExistsError(name)


def put_folder(local: Path, prefix: str, *, last: str, check: Callable[[], None] | None = None) -> int:
    """Put a folder's files under a prefix, the file `last` (its playlist) after all others. Return the bytes put.

    Args:
        check: while the store is away, called every second until the files are put; raises to stop. None does not wait.

    Raises:
        OSError: the store failed. CircuitOpen: it is away, for longer than anybody waits.
    """
    names = sorted((path for path in local.iterdir() if path.is_file()), key=lambda path: (path.name == last, path.name))
    total = sum(path.stat().st_size for path in names)
    for path in names:
        _put_patiently(path, f"{prefix}/{path.name}", check)
    return total


def _put_patiently(local: Path, name: str, check: Callable[[], None] | None) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return put_file(local, name)
        except CircuitOpen as away:
            if check is None or time.monotonic() > until:
                raise
            log.warning("store.away", name=name, reason=away.cause)
            again = time.monotonic() + away.retry_after
        while time.monotonic() < again:
            check()
            time.sleep(LOOK_SECONDS)


def put_text(name: str, text: str) -> None:
    """Put a small text under a name that stands for its content: a second time does nothing."""
    if default_storage.exists(name):
        return
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=settings.WORK_DIR, prefix=TEXT_MARK)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)
    point("processing.store.text_made")
    try:
        put_file(Path(path), name)
    except FileExistsError:
        return  # another process put the same text at the same moment


def read_text(name: str) -> str:
    """Return a small text. Raises as `read_bytes`."""
    return read_bytes(name).decode()


def read_bytes(name: str) -> bytes:
    """Return what is in a small file.

    Raises:
        FileNotFoundError: there is none. OSError: the store failed. CircuitOpen: it is away.
    """
    with default_storage.open(name, "rb") as file:
        return bytes(file.read(LONGEST_TEXT))


def copy_to(name: str, target: IO[bytes]) -> None:
    """Append a file's bytes to an open local one. Raises as `read_text`."""
    if is_remote():
        default_storage.copy_to(name, target)  # type: ignore[attr-defined] # of RenditionStorage
        return
    with default_storage.open(name, "rb") as file:
        shutil.copyfileobj(file, target, 2**20)


def address_of(name: str, *, seconds: int, **parameters: Any) -> str:
    """Return an address in the remote store with which anybody can read one file until the time is over. Asks nobody.

    Args:
        parameters: of S3's GetObject, as ResponseContentDisposition.
    """
    return str(default_storage.url(name, expire=seconds, parameters=parameters))  # type: ignore[call-arg] # django-storages'


def listed(prefix: str) -> tuple[list[str], list[str]]:
    """Return the folders and the files in a folder of the store, by their whole names."""
    try:
        folders, files = default_storage.listdir(prefix)
    except FileNotFoundError:
        return [], []
    start = f"{prefix}/" if prefix else ""
    return [f"{start}{name}" for name in folders], [f"{start}{name}" for name in files]


def owners() -> Iterator[str]:
    """Yield the first parts of all names there are: public ids of videos."""
    yield from listed("")[0]


def delete_tree(prefix: str) -> int:
    """Delete everything under a prefix; return the number of files. One that is not there is fine."""
    if not prefix or ".." in PurePosixPath(prefix).parts:
        raise ValueError(f"not a prefix of ours: {prefix!r}")
    if is_remote():
        gone: int = default_storage.delete_under(prefix)  # type: ignore[attr-defined] # of RenditionStorage
        return gone
    return _delete_folder(prefix)


def _delete_folder(prefix: str) -> int:
    try:
        folders, files = default_storage.listdir(prefix)
    except FileNotFoundError:
        return 0
    for name in files:
        default_storage.delete(f"{prefix}/{name}")
        point("processing.store.file_deleted")
    gone = len(files) + sum(_delete_folder(f"{prefix}/{name}") for name in folders)
    default_storage.delete(prefix)
    return gone
