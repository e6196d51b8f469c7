"""What a place for upload bytes must be able to do. The append shell and the services know nothing else about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

Check = Callable[[], None]  # called between blocks of a long read; raises to stop it


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


class Placed(Protocol):
    """Where a store has put bytes that one commit makes count, for stores that keep that in rows."""

    def write(self) -> None:
        """Write the rows. Called inside the transaction that moves the offset, and only when it does move."""
        ...


class Appender(Protocol):
    """The bytes of one upload, held by one writer until `close`."""

    def size(self) -> int: ...

    def truncate(self, size: int) -> None:
        """Drop what lies behind `size` bytes: the tail nobody was told about."""
        ...

    def write(self, data: bytes, *, offset: int) -> None:
        """Write from `offset` on.

        Raises:
            WriteFailed: not everything was written.
        """
        ...

    def hold(self, size: int) -> bool:
        """A commit of `size` bytes is coming: keep at hand what `save` needs for exactly those, whatever is written meanwhile.

        Returns at once. False when a commit now would cost more than it is worth; only the last one is made all the same.
        """
        ...

    def save(self, size: int) -> Placed | None:
        """Return when the first `size` bytes survive a power cut, with what must be committed together with them (or None).

        Raises:
            WriteFailed: that cannot be promised; nothing may be acknowledged.
        """
        ...

    def kept(self, placed: Placed, size: int) -> None:
        """Told after the commit of what `save` returned: what it replaces can go."""
        ...

    def head(self, size: int) -> bytes:
        """Return up to `size` bytes from the start."""
        ...

    def close(self) -> None: ...


class Reader(Protocol):
    """A file that arrived whole, read in pieces from anywhere in it."""

    def read(self, *, first: int, count: int) -> bytes:
        """Return `count` bytes from offset `first`, fewer only at the end."""
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

    def take_over(self, key: str) -> bool:
        """End the right of a writer that does not answer. False where only its death can do that."""
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

    def seal(self, key: str) -> None:
        """Make a file readable that has arrived whole. Doing it again, or twice at once, changes nothing.

        Raises:
            StoreMissing: bytes that were promised are gone.
        """
        ...

    def reader(self, key: str) -> Reader:
        """Open a sealed file for reading.

        Raises:
            StoreMissing: it is not there.
        """
        ...

    def local(self, key: str, check: Check | None = None) -> AbstractContextManager[Path]:
        """Give a path on this host with the bytes of a whole file, for the time of a `with` block.

        Raises:
            OSError: this host has no room for it, or its disk fails.
            StoreMissing: the bytes are not all there.
        """
        ...

    def concatenate(self, keys: Sequence[str], target: str) -> int:
        """Make `target`, which was created, of whole files in order; return its size in bytes, all of them durable.

        The files stay. Doing it again, also after a crash in the middle, gives the same.

        Raises:
            StoreMissing: one of them is not there.
            WriteFailed: no room, or the store failed.
        """
        ...

    def free_share(self) -> float:
        """Return the share of the store that is free, 0 to 1."""
        ...

    def free_bytes(self) -> int: ...

    def keys(self, *, older_than_seconds: float) -> Iterator[str]:
        """Return what is stored and was not changed for that long."""
        ...


@runtime_checkable
class HeldAlone(Protocol):
    """An appender that counted its bytes when it took them: until it closes, nobody else changes them."""

    found: int


@dataclass(frozen=True, slots=True)
class Sum:
    """The MD5 (hexadecimal) of `count` bytes from offset `first`, as the storage made it when it took them."""

    first: int
    count: int
    md5: str


@dataclass(frozen=True, slots=True)
class Loss:
    """`count` bytes from offset `first` that are not as they were counted; `missing` when they are not there at all."""

    first: int
    count: int
    missing: bool


@runtime_checkable
class KeepsSums(Protocol):
    """A store that makes sums of what it takes, and that cannot give out what lies in parts."""

    def first_loss(self, key: str) -> Loss | None:
        """Compare an unfinished file with what was counted, by the store's own sums; None when nothing is lost."""
        ...

    def sums(self, key: str) -> list[Sum]:
        """Return sums of those stretches of a sealed file that did not come through us, in order; none where the store gives none."""
        ...
