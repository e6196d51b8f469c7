"""What a place for upload bytes must be able to do. The append shell and the services know nothing else about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol


class StoreBusy(Exception):
    """Another live writer holds this upload's bytes."""


class StoreMissing(Exception):
    """The bytes are not there at all."""


class WriteFailed(Exception):
    """A write stopped early.

    Args:
        written: bytes of this call that did reach the file, from its start.
        full: True when there was no room, False for any other fault.
    """

    def __init__(self, *, written: int, full: bool) -> None:
        self.written = written
        self.full = full
        super().__init__(f"The write stopped after {written} bytes.")


class Appender(Protocol):
    """The bytes of one upload, held by one writer until `close`."""

    def size(self) -> int: ...

    def truncate(self, size: int) -> None:
        """Drop what lies behind `size` bytes: the tail nobody was told about."""
        ...

    def write(self, chunks: Sequence[bytes], *, offset: int) -> None:
        """Write chunks one after the other from `offset`.

        Raises:
            WriteFailed: not everything was written.
        """
        ...

    def sync(self) -> None:
        """Return when every byte written before the call survives a power cut.

        Raises:
            WriteFailed: that cannot be promised; nothing may be acknowledged.
        """
        ...

    def head(self, size: int) -> bytes:
        """Return up to `size` bytes from the start."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    def create(self, key: str) -> None:
        """Make an empty object, durable on return. Doing it again changes nothing.

        Raises:
            WriteFailed: no room, or the store failed.
        """
        ...

    def open(self, key: str) -> Appender:
        """Take an upload's bytes for writing.

        Raises:
            StoreBusy: another writer has them.
            StoreMissing: they are not there.
        """
        ...

    def is_held(self, key: str) -> bool:
        """True while a live writer holds these bytes; False after it died."""
        ...

    def delete(self, key: str) -> None:
        """Remove the bytes; nothing happens when they are gone already."""
        ...

    def size(self, key: str) -> int:
        """Return the bytes stored.

        Raises:
            StoreMissing: they are not there.
        """
        ...

    def path(self, key: str) -> Path:
        """Return a local file with the bytes."""
        ...

    def free_share(self) -> float:
        """Return the share of the store that is free, 0 to 1."""
        ...

    def free_bytes(self) -> int: ...

    def keys(self, *, older_than_seconds: float) -> Iterator[str]:
        """Return what is stored and was not changed for that long."""
        ...
