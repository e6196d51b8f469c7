"""Where a process keeps what it counted, so that any other process of the host can read it, also after this one was killed.

Each process writes two files of its own under METRICS_DIR (`VAR_DIR/run/metrics`), made when it first counts something:

    <id>.keys     one line of JSON per value: [type, merge, metric, sample, {label: value}, help]; locked (flock) while its writer lives
    <id>.values   native doubles, the n-th belongs to the n-th line

Room for values is allocated before it is mapped (a write into a hole of a full disk would end the process with SIGBUS), mapped in pieces that
never move, and bounded. Whatever cannot be stored is counted in memory only and stored when there is room again: counting never raises.

A fork begins with nothing: the child writes files of its own and starts from zero, for what it inherited stands in its parent's files.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import time
import uuid
from collections.abc import MutableSequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import cast

PIECE_BYTES = mmap.ALLOCATIONGRANULARITY
PIECE_VALUES = PIECE_BYTES // 8
MOST_VALUES = 32 * PIECE_VALUES  # 128 KiB and about 4 MiB of keys; label sets are bounded long before
RETRY_SECONDS = 30.0

Doubles = MutableSequence[float]  # a memoryview of doubles
Key = tuple[str, str, str, str, tuple[tuple[str, str], ...], str]  # type, merge, metric, sample, labels, help


def directory() -> Path:
    """Return the folder all processes of this host share."""
    from django.conf import settings

    return Path(settings.METRICS_DIR)


class Store:
    """The files of this process. `lock` guards them and every value; re-entrant, for a signal handler may count too."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.generation = 0  # +1 per fork: a value of another generation has no slot yet
        self._begin()

    def _begin(self) -> None:
        self.name = ""
        self._keys = self._values = -1
        self._pieces: list[Doubles] = []
        self._used = 0
        self._retry_at = 0.0

    def after_fork(self) -> None:
        """In the child: let go of the parent's files (its lock stays its own) and begin anew. Another thread may have held the lock for ever."""
        for number in (self._keys, self._values):
            if number >= 0:
                os.close(number)
        self.lock = RLock()
        self.generation += 1
        self._begin()

    def slot(self, key: Key) -> tuple[Doubles, int] | None:
        """Return where to write this value, or None when there is no room now. The caller holds the lock."""
        if time.monotonic() < self._retry_at:
            return None
        try:
            if not self.name:
                self._open()
            return self._take(key)
        except OSError:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return None

    def _open(self) -> None:
        """Make the files: locked before they carry their name, so that nobody takes them for a dead process's."""
        from .merge import fold_dead

        folder = directory()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{uuid.uuid4().hex}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        keys = os.open(folder / f".{name}", flags | os.O_APPEND, 0o640)
        try:
            fcntl.flock(keys, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._values = os.open(folder / f"{name}.values", flags, 0o640)
            (folder / f".{name}").rename(folder / f"{name}.keys")
        except OSError:
            os.close(keys)
            self._close_values()
            for left in (f".{name}", f"{name}.values"):
                with suppress(OSError):
                    (folder / left).unlink()
            raise
        self._keys, self.name = keys, name
        with suppress(OSError):
            fold_dead(folder)  # so that short-lived processes leave no more files than there are processes, though nobody scrapes

    def _close_values(self) -> None:
        if self._values >= 0:
            os.close(self._values)
            self._values = -1

    def _take(self, key: Key) -> tuple[Doubles, int] | None:
        if self._used >= MOST_VALUES:
            return None
        if self._used == len(self._pieces) * PIECE_VALUES:
            self._add_piece()
        kind, merge, metric, sample, labels, text = key
        line = json.dumps([kind, merge, metric, sample, dict(labels), text], ensure_ascii=True).encode() + b"\n"
        before = os.fstat(self._keys).st_size
        if os.write(self._keys, line) != len(line):  # a full disk takes part of a line: leave none
            os.ftruncate(self._keys, before)
            raise OSError("The line of a key was cut short.")
        position, self._used = self._used, self._used + 1
        return self._pieces[position // PIECE_VALUES], position % PIECE_VALUES

    def _add_piece(self) -> None:
        start = len(self._pieces) * PIECE_BYTES
        os.posix_fallocate(self._values, start, PIECE_BYTES)
        piece = mmap.mmap(self._values, PIECE_BYTES, offset=start)
        self._pieces.append(cast(Doubles, memoryview(piece).cast("d")))


store = Store()
os.register_at_fork(after_in_child=store.after_fork)
