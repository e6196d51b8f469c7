"""All live streams of one process, and the one database connection that wakes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from .listener import listen

STREAMS_PER_PERSON = 6
READERS = 4  # streams that read the database at once: waking a thousand must not empty the pool
STOP_CHECK_SECONDS = 0.5

_stopping: Callable[[], bool] = lambda: False  # noqa: E731 - a default, replaced by stop_when


def stop_when(asked: Callable[[], bool]) -> None:
    """Let streams end when `asked()` turns true: a stream never ends by itself, and would hold up the server's graceful stop."""
    global _stopping
    _stopping = asked


class Stream:
    """One open stream of one person. Wakes when there may be news; ends when told to."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.ended = False
        self.crowded_out = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def end(self, *, crowded_out: bool = False) -> None:
        self.ended = True
        self.crowded_out = crowded_out
        self._woken.set()

    async def news(self, *, seconds: float) -> bool:
        """Wait for a wake-up, at most so long. Return whether one came."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        came = self._woken.is_set()
        self._woken.clear()
        return came


class Hub:
    """The streams of one event loop. Listens while there is at least one."""

    def __init__(self) -> None:
        self.reading = asyncio.Semaphore(READERS)
        self._streams: dict[int, list[Stream]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    @contextmanager
    def stream(self, user_id: int) -> Iterator[Stream]:
        """Hold a stream. One too many of a person ends that person's oldest."""
        stream = Stream(user_id)
        mine = self._streams[user_id]
        for oldest in mine[: max(0, len(mine) - STREAMS_PER_PERSON + 1)]:
            oldest.end(crowded_out=True)
            mine.remove(oldest)
        mine.append(stream)
        if _stopping():
            stream.end()
        if not self._tasks:
            self._tasks = [asyncio.create_task(listen(self.wake)), asyncio.create_task(self._watch_for_stop())]
        try:
            yield stream
        finally:
            self._leave(stream)

    def wake(self, user_id: int | None) -> None:
        """Wake the streams of one person, or everybody's."""
        groups = list(self._streams.values()) if user_id is None else [self._streams.get(user_id, [])]
        for stream in (stream for group in groups for stream in group):
            stream.wake()

    def count(self) -> int:
        return sum(len(group) for group in self._streams.values())

    def _leave(self, stream: Stream) -> None:
        mine = self._streams.get(stream.user_id, [])
        if stream in mine:
            mine.remove(stream)
        if not mine:
            self._streams.pop(stream.user_id, None)
        if not self._streams:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _watch_for_stop(self) -> None:
        while not _stopping():  # noqa: ASYNC110 - the server only keeps a flag
            await asyncio.sleep(STOP_CHECK_SECONDS)
        for stream in [stream for group in self._streams.values() for stream in group]:
            stream.end()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current_hub() -> Hub:
    """The hub of the running event loop: one per process under a server."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
