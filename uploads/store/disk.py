"""Uploads as plain files in one directory. The kernel's lock on the file tells a live writer from a dead one."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from resilience.faults import point

from .base import Check, Placed, StoreBusy, StoreMissing, WriteFailed
from .writeback import begin_writeback

_KEY = re.compile(r"[A-Za-z0-9_]{8,80}")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_NO_KERNEL_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_COPY_BYTES = 2**30


class DiskAppender:
    """One open, locked file. The lock falls with the descriptor, so also when this process is killed."""

    def __init__(self, descriptor: int, found: int) -> None:
        self._descriptor = descriptor
        self.found = found

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        point("uploads.append.truncated")

    def write(self, data: bytes, *, offset: int) -> None:
        written = 0
        while written < len(data):
            try:
                count = os.pwrite(self._descriptor, memoryview(data)[written:], offset + written)
            except OSError as error:
                raise WriteFailed(written=written, full=error.errno in _NO_ROOM) from error
            point("uploads.append.after_write")
            written += count
        begin_writeback(self._descriptor, offset=offset, size=written)

    def sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise WriteFailed(written=0, full=error.errno in _NO_ROOM) from error
        point("uploads.append.after_fsync")

    def hold(self, size: int) -> bool:
        return True

    def save(self, size: int) -> None:
        """What is written is in the file: all there is to do is to make it durable."""
        self.sync()

    def kept(self, placed: Placed, size: int) -> None:
        """Nothing is ever replaced in a file."""

    def head(self, size: int) -> bytes:
        return os.pread(self._descriptor, size, 0)

    def append_file(self, source: int) -> int:
        """Copy a whole file behind what is here, close it, and return its size in bytes."""
        try:
            size = os.fstat(source).st_size
            os.lseek(self._descriptor, 0, os.SEEK_END)
            left = size
            while left:
                left -= self._copy(source, left)
                point("uploads.join.piece_copied")
            return size
        finally:
            os.close(source)

    def _copy(self, source: int, most: int) -> int:
        try:
            copied = os.copy_file_range(source, self._descriptor, min(most, _COPY_BYTES))
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise
            copied = os.sendfile(self._descriptor, source, None, min(most, _COPY_BYTES))
        if copied == 0:
            raise StoreMissing  # shorter than it was a moment ago
        return copied

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskReader:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, *, first: int, count: int) -> bytes:
        return os.pread(self._descriptor, count, first)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskStore:
    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        if _KEY.fullmatch(key) is None:
            raise ValueError("A storage key is made of letters, digits and underscores.")
        return self.root / key

    def create(self, key: str) -> None:
        """Make the file exclusively, then make file and directory entry durable. A file already there is kept as it is."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(self.path(key), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                point("uploads.disk.made")
            except FileExistsError:
                descriptor = os.open(self.path(key), os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._sync_directory()
            point("uploads.disk.made_durable")
        except OSError as error:
            raise WriteFailed(written=0, full=error.errno in _NO_ROOM) from error

    def open(self, key: str) -> DiskAppender:
        descriptor = self._open(key)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return DiskAppender(descriptor, os.fstat(descriptor).st_size)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreBusy from None
        except BaseException:
            os.close(descriptor)
            raise

    def take_over(self, key: str) -> bool:
        """The kernel's lock falls with its process only."""
        return False

    def is_held(self, key: str) -> bool:
        try:
            appender = self.open(key)
        except StoreBusy:
            return True
        except StoreMissing:
            return False
        appender.close()
        return False

    def delete(self, key: str) -> None:
        try:
            self.path(key).unlink()
        except FileNotFoundError:
            return
        point("uploads.disk.unlinked")
        self._sync_directory()

    def size(self, key: str) -> int:
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError:
            raise StoreMissing from None

    def seal(self, key: str) -> None:
        """A file is whole as soon as its last byte is in it."""

    def reader(self, key: str) -> DiskReader:
        try:
            return DiskReader(os.open(self.path(key), os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            raise StoreMissing from None

    @contextmanager
    def local(self, key: str, check: Check | None = None) -> Iterator[Path]:
        """The file itself."""
        yield self.path(key)

    def concatenate(self, keys: Sequence[str], target: str) -> int:
        """Copy the files one behind the other, inside the kernel where the file system can."""
        appender = self.open(target)
        try:
            appender.truncate(0)
            size = sum(appender.append_file(self._open(key)) for key in keys)
            appender.sync()
        except OSError as error:
            raise WriteFailed(written=0, full=error.errno in _NO_ROOM) from error
        finally:
            appender.close()
        return size

    def free_share(self) -> float:
        usage = shutil.disk_usage(self._existing())
        return usage.free / usage.total if usage.total else 0.0

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._existing()).free

    def keys(self, *, older_than_seconds: float) -> Iterator[str]:
        if not self.root.is_dir():
            return
        latest = time.time() - older_than_seconds
        with os.scandir(self.root) as entries:
            for entry in entries:
                if _KEY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < latest:
                    yield entry.name

    def _open(self, key: str) -> int:
        try:
            return os.open(self.path(key), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise StoreMissing from None

    def _existing(self) -> Path:
        folder = self.root
        while not folder.is_dir():
            folder = folder.parent
        return folder

    def _sync_directory(self) -> None:
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
