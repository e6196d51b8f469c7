"""A kernel with a page cache and a disk, as `uploads.store.disk` sees them through `os` and `fcntl`.

What was written and not synced survives the death of a process, and a power cut only by chance, piece by piece.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Change = Callable[[bytearray], None]


class Died(BaseException):
    """The process is gone; nothing it meant to do next happens. (No `except Exception` may survive it.)"""


@dataclass
class File:
    """`cache` is what processes read; `disk` what a power cut leaves for certain; `waiting` changes lie between the two."""

    cache: bytearray = field(default_factory=bytearray)
    disk: bytearray = field(default_factory=bytearray)
    waiting: list[Change] = field(default_factory=list)
    listed: bool = False
    holder: int | None = None

    def change(self, change: Change) -> None:
        change(self.cache)
        self.waiting.append(change)


class Kernel:
    """Give it to `uploads.store.disk` in place of `os` and `fcntl`. `fuse` calls from now the running process dies; None lets it live."""

    LOCK_EX, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_NB

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.open_files: dict[int, tuple[int, File | None]] = {}
        self.process, self.fuse = 0, None  # type: tuple[int, int | None]
        self._next = 100

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)  # flags

    def _call(self) -> None:
        if self.fuse is not None:
            if self.fuse == 0:
                raise Died
            self.fuse -= 1

    def _file(self, descriptor: int) -> File:
        found = self.open_files[descriptor][1]
        assert found is not None, "a directory"
        return found

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        self._call()
        name, found = str(path), self.files.get(str(path))
        if flags & os.O_DIRECTORY:
            found = None
        elif found is None and not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        elif found is not None and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, "it is there", name)
        elif found is None:
            found = self.files[name] = File()
        self._next += 1
        self.open_files[self._next] = (self.process, found)
        return self._next

    def close(self, descriptor: int) -> None:
        self._call()
        self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        _process, found = self.open_files.pop(descriptor)
        if found is not None and found.holder == descriptor:
            found.holder = None

    def flock(self, descriptor: int, how: int) -> None:
        self._call()
        found = self._file(descriptor)
        if found.holder not in (None, descriptor):
            raise BlockingIOError
        found.holder = descriptor

    def fstat(self, descriptor: int) -> SimpleNamespace:
        self._call()
        return SimpleNamespace(st_size=len(self._file(descriptor).cache))

    def ftruncate(self, descriptor: int, size: int) -> None:
        self._call()
        self._file(descriptor).change(lambda content: content.__delitem__(slice(size, None)))

    def pwrite(self, descriptor: int, given: bytes | memoryview, offset: int) -> int:
        self._call()
        data = bytes(given)

        def change(content: bytearray) -> None:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data

        self._file(descriptor).change(change)
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        self._call()
        found = self._file(descriptor)
        found.disk, found.waiting = bytearray(found.cache), []

    def fsync(self, descriptor: int) -> None:
        if self.open_files[descriptor][1] is not None:
            self.fdatasync(descriptor)
            return
        self._call()
        for found in self.files.values():
            found.listed = True

    def kill(self, process: int) -> None:
        """SIGKILL: its descriptors close and its locks fall; the page cache stays."""
        for descriptor in [number for number, (owner, _file) in self.open_files.items() if owner == process]:
            self._forget(descriptor)

    def cut_power(self, survives: Callable[[], bool]) -> None:
        """Everything stops. Of what was not synced, any part may have reached the disk, in any order."""
        self.open_files = {}
        self.files = {name: found for name, found in self.files.items() if found.listed or survives()}
        for found in self.files.values():
            for change in found.waiting:
                if survives():
                    change(found.disk)
            found.cache, found.waiting, found.holder, found.listed = bytearray(found.disk), [], None, True
