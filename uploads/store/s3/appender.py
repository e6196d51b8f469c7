"""Appending to a file in S3: full parts go up as they fill, the rest as a tail object when a commit is due.

Nothing here counts until the rows of `Placed` are committed together with the offset. Until then a crash leaves objects and parts that
nobody names; they are never overwritten and never listed when the file is put together.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from resilience.circuits import CircuitOpen
from resilience.errors import AppError
from resilience.faults import point
from uploads.errors import PartsUsedUp
from uploads.store import base
from uploads.store.base import StoreMissing, WriteFailed

from . import client, names, numbers, rows
from .client import MultipartMissing, Refused
from .multipart import open_multipart, send_part
from .rows import Layout, Part, Tail
from .sums import md5_of

log = structlog.get_logger(__name__)

WORTH_BYTES = 2**20  # less than this is put into a tail of its own only when it has waited for a while
WORTH_SECONDS = 10.0
START_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Placed:
    """What one commit makes count. `replaced` is the tail that is no longer needed once it is committed."""

    session_id: int
    parts: tuple[Part, ...]
    tail: Tail
    replaced: Tail

    def write(self) -> None:
        """Write the rows, inside the transaction that moves the offset."""
        rows.write_placed(self.session_id, self.parts, self.tail)


@dataclass(eq=False)
class S3Appender:
    """One writer's end of a file. `write` and `save` may run beside each other in two threads.

    `_buffer` holds the bytes from `_at` on that are in no part of ours. `_fresh` are parts nobody committed yet. `_spares` are
    those sent last, kept at hand while a commit may still end inside of one.
    """

    key: str
    _layout: Layout | None = None
    _buffer: bytearray | None = None
    _fresh: list[Part] = field(default_factory=list)
    _tail: Tail = field(default_factory=Tail)
    _spares: list[tuple[Part, bytes]] = field(default_factory=list)
    _mark: int | None = None
    _start: bytes = b""
    _upload_id: str = ""
    _next_part: int = 1
    _saved: int = 0
    _saved_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def size(self) -> int:
        """Return the bytes that count and that S3 still has: the rows say how many, S3 is asked for the last part and the tail.

        Raises:
            StorageAway, CircuitOpen: S3 cannot be asked.
        """
        layout = self._layout = rows.layout_of(self.key)
        self._upload_id, self._tail, self._saved = layout.upload_id, layout.tail, layout.size
        self._buffer = None
        if layout.object_key:
            return layout.size
        if layout.last is not None and not self._has_last(layout, layout.last):
            return 0
        try:
            self._load()
        except StoreMissing:
            return layout.parts_end
        return layout.size

    def truncate(self, size: int) -> None:
        """Forget what was not committed. Offset and rows are one commit, so `size` is where the rows end, unless a newer writer came: then
        our next commit finds itself fenced."""
        with self._lock:
            self._buffer, self._fresh, self._spares, self._mark = None, [], [], None
            if size == 0:
                self._start = b""
        self._load()

    def write(self, data: bytes, *, offset: int) -> None:
        """Take bytes in; every time a part is full, send it. On failure the bytes stay at hand, for a tail.

        Raises:
            WriteFailed: a part was not taken, or no number is left for one; of those, nothing is taken.
        """
        with self._lock:
            buffer, layout = self._ready()
            self._part_size()
            mark = self._mark
            self._spares = [(part, spare) for part, spare in self._spares if mark is not None and part.offset < mark < part.end]
            buffer += data
            if len(self._start) < START_BYTES and self._begins_at() == 0:
                self._start = bytes(buffer[:START_BYTES])
        while part := self._full_part():
            try:
                self._send_part(layout, *part)
            except (AppError, Refused, MultipartMissing, StoreMissing) as failure:
                raise WriteFailed(written=len(data), full=False) from failure

    def hold(self, size: int) -> bool:
        """A commit of `size` bytes is coming: keep at hand what it needs. Return whether it is worth its cost yet. Never waits."""
        worth = size - self._saved >= WORTH_BYTES or time.monotonic() - self._saved_at >= WORTH_SECONDS
        self._mark = size
        return worth

    def save(self, size: int) -> Placed:
        """Make exactly `size` bytes durable; what is written meanwhile has no part in it.

        Raises:
            WriteFailed: S3 did not take them.
        """
        with self._lock:
            layout = self._here()
            parts = tuple(part for part in self._fresh if part.end <= size)
            begins = parts[-1].end if parts else layout.parts_end
            data = self._between(begins, size)
            before = self._tail
        try:
            tail = before if size == self._saved and not parts else self._put_tail(layout, data)
        except (AppError, Refused, StoreMissing) as failure:
            raise WriteFailed(written=0, full=False) from failure
        with self._lock:
            self._mark = None
            return Placed(layout.session_id, parts, tail, before)

    def kept(self, placed: base.Placed, size: int) -> None:
        """What `save` returned is committed: it counts from now on, and the tail of before can go; what fails is left to the reaper."""
        assert isinstance(placed, Placed)
        with self._lock:
            layout = self._here()
            self._fresh = [part for part in self._fresh if part not in placed.parts]
            self._layout = replace(layout, last=placed.parts[-1] if placed.parts else layout.last, tail=placed.tail, committed=size)
            self._tail, self._saved, self._saved_at = placed.tail, size, time.monotonic()
        if placed.replaced.key and placed.replaced.key != placed.tail.key:
            point("uploads.s3.tail_replaced")
            try:
                client.call("delete_object", Key=placed.replaced.key)
            except (AppError, StoreMissing, Refused) as failure:
                log.info("upload.tail_left", key=placed.replaced.key, reason=type(failure).__name__)

    def head(self, size: int) -> bytes:
        with self._lock:
            self._ready()
            return self._start[:size]

    def close(self) -> None:
        self._buffer, self._spares = None, []

    def _here(self) -> Layout:
        if self._layout is None:
            self._layout = rows.layout_of(self.key)
            self._upload_id, self._tail, self._saved = self._layout.upload_id, self._layout.tail, self._layout.size
        return self._layout

    def _ready(self) -> tuple[bytearray, Layout]:
        layout = self._here()
        if self._buffer is None:
            self._load()
        assert self._buffer is not None
        return self._buffer, layout

    def _load(self) -> None:
        """Bring the tail's bytes here: new ones go behind them.

        Raises:
            StoreMissing: the tail is gone, or is not what was put there.
        """
        layout, data = self._here(), b""
        tail = layout.tail
        if tail.key:
            data = client.read(tail.key, first=0, count=tail.size)
            if len(data) != tail.size or (tail.md5 and md5_of(data) != tail.md5):
                raise StoreMissing
        self._buffer = bytearray(data)
        if layout.parts_end == 0:
            self._start = data[:START_BYTES]

    def _begins_at(self) -> int:
        """Offset of the buffer's first byte."""
        return self._fresh[-1].end if self._fresh else self._here().parts_end

    def _between(self, first: int, end: int) -> bytes:
        """Bytes from a part's end to `end`: out of the buffer, or out of the part that was sent meanwhile."""
        if first == end:
            return b""
        for part, data in self._spares:
            if part.offset == first:
                return data[: end - first]
        buffer, _layout = self._ready()
        if first != self._begins_at() or end - first > len(buffer):
            raise RuntimeError(f"The bytes from {first} to {end} are not at hand.")  # never put other bytes in their place
        return bytes(buffer[: end - first])

    def _part_size(self) -> int:
        """Return how large the next part must be. Raises: WriteFailed from PartsUsedUp."""
        layout = self._here()
        remaining = max(0, layout.length - self._begins_at())
        size = numbers.next_size(part_size=layout.part_size, remaining=remaining, next_part=max(layout.next_part, self._next_part))
        if size is None:
            raise WriteFailed(written=0, full=False) from PartsUsedUp()
        return size

    def _full_part(self) -> tuple[int, bytes] | None:
        """Return offset and bytes of the next part, once there are enough for it."""
        with self._lock:
            buffer, _layout = self._ready()
            size = self._part_size()
            return (self._begins_at(), bytes(buffer[:size])) if len(buffer) >= size else None

    def _send_part(self, layout: Layout, offset: int, data: bytes) -> None:
        part = self._sent(layout, offset, data)
        point("uploads.s3.part_sent")
        with self._lock:
            buffer, _layout = self._ready()
            del buffer[: len(data)]
            self._fresh.append(part)
            self._spares.append((part, data))

    def _sent(self, layout: Layout, offset: int, data: bytes) -> Part:
        if not self._upload_id:
            self._upload_id = open_multipart(layout)
        try:
            return self._sent_once(layout, offset, data)
        except MultipartMissing:
            if layout.last is not None or self._fresh:
                raise  # parts that count are gone: the next look at the size says so
        self._upload_id = open_multipart(layout, instead_of=self._upload_id)
        return self._sent_once(layout, offset, data)

    def _sent_once(self, layout: Layout, offset: int, data: bytes) -> Part:
        number = rows.reserve(layout.session_id)
        point("uploads.s3.numbered")
        self._next_part = number + 1
        try:
            return send_part(layout, self._upload_id, number=number, offset=offset, data=data)
        except CircuitOpen:
            rows.give_back(layout.session_id, number)  # an hour without S3 costs no numbers
            raise

    def _put_tail(self, layout: Layout, data: bytes) -> Tail:
        if not data:
            return Tail()
        key = names.tail(layout.key, uuid.uuid4().hex)
        client.call("put_object", Key=key, Body=data, ContentMD5=client.content_md5(data))
        point("uploads.s3.tail_put")
        return Tail(key=key, size=len(data), md5=md5_of(data))

    def _has_last(self, layout: Layout, last: Part) -> bool:
        """True when S3 still has the multipart upload and its last part that counts."""
        where = {"Key": names.whole(layout.key), "UploadId": layout.upload_id}
        try:
            near = client.call("list_parts", **where, PartNumberMarker=last.number - 1, MaxParts=1).get("Parts", [])
            # Before bytes are called lost, the whole list is looked at: numbers have gaps, and not every maker's marker knows them.
            return any(_is(last, item) for item in near) or any(_is(last, item) for item in client.pages("list_parts", "Parts", **where))
        except MultipartMissing:
            return False


def _is(part: Part, item: dict[str, Any]) -> bool:
    return (item["PartNumber"], item["Size"], str(item["ETag"]).strip('"')) == (part.number, part.size, part.etag)
