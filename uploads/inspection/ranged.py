"""A stored file as something to seek and read in, wherever it lies: few reads, each a little more than is asked for."""

from __future__ import annotations

import io

from uploads.store import Reader

AHEAD = 4096  # a box's header and, often, its neighbours; over S3 each read is a request of its own


class Ranged(io.RawIOBase):
    """Read through a store's reader.

    Args:
        size: bytes of the whole file.
    """

    def __init__(self, reader: Reader, *, size: int) -> None:
        self._reader = reader
        self._size = size
        self._at = 0
        self._first = 0
        self._cached = b""
        self.requests = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = max(0, min(size if size >= 0 else self._size, self._size - self._at))
        begin = self._at - self._first
        if not 0 <= begin <= len(self._cached) - wanted:
            self._cached = self._reader.read(first=self._at, count=max(wanted, AHEAD)) if wanted else b""
            self._first, begin = self._at, 0
            self.requests += 1
        data = self._cached[begin : begin + wanted]
        self._at += len(data)
        return data

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()
