"""The rendition store: files put whole or not at all, by names that are never used twice. Disk now, S3 by its storage class."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from resilience.faults import point

TEXT_MARK = "text-"  # of files on their way into the store


class _Movable(File):  # type: ignore[type-arg]
    """A local file that a disk store may rename into place (atomic) instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def put_file(local: Path, name: str) -> None:
    """Put one local file under a name nobody used before; the local one is gone afterwards.

    Raises:
        FileExistsError: the name is taken. OSError: the store failed; nothing that looks finished is left.
    """
    with _Movable(local) as content:
        os.fsync(content.fileno())
        kept = default_storage.save(name, content)
        point("processing.store.file_put")
    local.unlink(missing_ok=True)
    if kept != name:
        default_storage.delete(kept)
        raise FileExistsError(name)


def put_folder(local: Path, prefix: str, *, last: str) -> int:
    """Put a folder's files under a prefix, the file `last` (its playlist) after all others. Return the bytes put."""
    names = sorted((path for path in local.iterdir() if path.is_file()), key=lambda path: (path.name == last, path.name))
    total = sum(path.stat().st_size for path in names)
    for path in names:
        put_file(path, f"{prefix}/{path.name}")
    return total


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


def delete_tree(prefix: str) -> int:
    """Delete everything under a prefix; return the number of files. One that is not there is fine."""
    if not prefix or ".." in PurePosixPath(prefix).parts:
        raise ValueError(f"not a prefix of ours: {prefix!r}")
    try:
        folders, files = default_storage.listdir(prefix)
    except FileNotFoundError:
        return 0
    for name in files:
        default_storage.delete(f"{prefix}/{name}")
        point("processing.store.file_deleted")
    gone = len(files) + sum(delete_tree(f"{prefix}/{name}") for name in folders)
    default_storage.delete(prefix)
    return gone
