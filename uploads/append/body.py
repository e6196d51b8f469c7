"""A request's body, read ahead of the writer: while one batch is being written, the next one arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any

from uploads.figures import RECEIVED
from uploads.limits.rate import MinimumRate

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

AHEAD_BYTES = 2 * 2**20  # of one body; more than this is left in the socket, and slows the sender down
ALL_AHEAD_BYTES = 8 * 2**20  # of all bodies of this process; above it, each keeps its even share at most


class End(Enum):
    WHOLE = "whole"
    DISCONNECTED = "disconnected"


class _All:
    """What the bodies of this process hold together. One event loop, so nothing comes between a look and a step."""

    def __init__(self) -> None:
        self.bodies = 0
        self.held = 0

    def share(self) -> int:
        """Bytes one body may hold when there is no room for more than each one's share."""
        return ALL_AHEAD_BYTES // max(1, self.bodies)


_all = _All()


class Body:
    """Call `start` once, then `wait`, `take` and `let_go` until `end`; `close` at the end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._chunks: list[bytes] = []
        self._size = 0
        self._taken = 0
        self._counted = False
        self._end: End | None = None
        self._discard = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._wanted = 1
        self._reader: asyncio.Task[None] | None = None
        self.received = 0
        self.last_arrival = 0.0
        self.rate = MinimumRate.of_settings()

    def start(self) -> None:
        """Begin to read. Reading is what lets a client that asked (Expect: 100-continue) send its body."""
        if self._reader is None:
            self.last_arrival = asyncio.get_running_loop().time()
            self._reader = asyncio.create_task(self._read())
            self._counted = True
            _all.bodies += 1

    @property
    def end(self) -> End | None:
        """How the body ended, once nothing of it waits any more."""
        return self._end if not self._size else None

    async def wait(self, *, minimum: int, seconds: float) -> None:
        """Return when `minimum` bytes wait or there is no room for more, the body ended, `wake` was called or the time is up."""
        self._wanted = minimum
        if self._size >= minimum or self._end is not None or (self._size and self._full()):
            self._news.clear()  # of what is taken now; left set, it would cut the next batch short
            return
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()
            self.rate.note(waited=asyncio.get_running_loop().time() - began, received=self.received)

    def wake(self) -> None:
        self._news.set()

    def take(self) -> tuple[list[bytes], int]:
        """Return what waits, and its size in bytes. It counts as held until `let_go`."""
        chunks, size = self._chunks, self._size
        self._chunks, self._size = [], 0
        self._taken += size
        self._look_for_room()
        return chunks, size

    def let_go(self) -> None:
        """What was taken is in memory no more."""
        _all.held -= self._taken
        self._taken = 0
        self._look_for_room()

    def _full(self) -> bool:
        return self._size >= AHEAD_BYTES or (_all.held >= ALL_AHEAD_BYTES and self._size + self._taken >= _all.share())

    def _look_for_room(self) -> None:
        if self._full():
            self._room.clear()
        else:
            self._room.set()

    async def linger(self, *, seconds: float, silence: float) -> None:
        """Read and drop what still comes, so that a client busy sending gets to read our answer before the connection closes."""
        self._discard = True
        self.take()
        self.let_go()
        self.start()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._end is None and loop.time() < deadline and loop.time() - self.last_arrival < silence:
            await self.wait(minimum=1, seconds=0.1)

    async def close(self) -> None:
        """Stop reading. What the body held counts no more at once, even if this is cancelled itself."""
        self._discard = True
        self.take()
        self.let_go()
        if self._counted:
            self._counted = False
            _all.bodies -= 1
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while self._end is None:
                await self._room.wait()
                self._digest(await self._receive())
                if self._size >= self._wanted or self._full():
                    self._news.set()
        finally:
            self._end = self._end or End.DISCONNECTED  # however reading ended, nothing more will come
            self._news.set()

    def _digest(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.disconnect":
            self._end = End.DISCONNECTED
            return
        self._keep(message.get("body", b""))
        if not message.get("more_body", False):
            self._end = End.WHOLE

    def _keep(self, chunk: bytes) -> None:
        if not chunk:
            return
        self.received += len(chunk)
        RECEIVED.inc(len(chunk))
        self.last_arrival = asyncio.get_running_loop().time()
        if self._discard:
            return
        self._chunks.append(chunk)
        self._size += len(chunk)
        _all.held += len(chunk)
        self._look_for_room()
