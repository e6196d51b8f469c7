"""A request's body, read ahead of the writer: while one batch is being written, the next one arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any

from uploads.limits.rate import MinimumRate

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

AHEAD_BYTES = 2 * 2**20  # more than this is left in the socket, and slows the sender down


class End(Enum):
    WHOLE = "whole"
    DISCONNECTED = "disconnected"


class Body:
    """Call `start` once, then `wait` and `take` until `end`; `close` at the end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._chunks: list[bytes] = []
        self._size = 0
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

    @property
    def end(self) -> End | None:
        """How the body ended, once nothing of it waits any more."""
        return self._end if not self._size else None

    async def wait(self, *, minimum: int, seconds: float) -> None:
        """Return when `minimum` bytes wait, the body ended, `wake` was called or the time is up."""
        self._wanted = minimum
        if self._size >= minimum or self._end is not None:
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
        """Return what waits, and its size in bytes."""
        chunks, size = self._chunks, self._size
        self._chunks, self._size = [], 0
        self._room.set()
        return chunks, size

    async def linger(self, *, seconds: float, silence: float) -> None:
        """Read and drop what still comes, so that a client busy sending gets to read our answer before the connection closes."""
        self._discard = True
        self.take()
        self.start()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._end is None and loop.time() < deadline and loop.time() - self.last_arrival < silence:
            await self.wait(minimum=1, seconds=0.1)

    async def close(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while self._end is None:
                await self._room.wait()
                self._digest(await self._receive())
                if self._size >= self._wanted:
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
        self.last_arrival = asyncio.get_running_loop().time()
        if self._discard:
            return
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= AHEAD_BYTES:
            self._room.clear()
