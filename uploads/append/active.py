"""The appends this process has in hand: at most one per upload, each of which can be asked to save and stop.

A newer request for the same upload goes first. In this process the older writer is told directly; a writer in another process
reads its request from the session's row, which one query per process looks up for all writers together.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Protocol

import structlog

from resilience.http.translate import DATABASE_DOWN
from uploads.errors import UploadBusy
from uploads.figures import ACTIVE
from uploads.limits.connections import Connections
from uploads.services.lease import asked_to_stop
from uploads.threads import database

log = structlog.get_logger(__name__)

HAND_OVER_SECONDS = 2.0
LOOK_SECONDS = 0.1


class Stop(Enum):
    """Why a writer is asked to end early. It commits what it has in every case."""

    REPLACED = "replaced"
    DRAINING = "draining"


class Stoppable(Protocol):
    @property
    def epoch(self) -> int | None:
        """The lease epoch held; None before the lease is taken."""
        ...

    def stop(self, reason: Stop) -> None: ...


class _Slot:
    def __init__(self, writer: Stoppable, owner_id: int) -> None:
        self.writer = writer
        self.owner_id = owner_id
        self.over = asyncio.Event()


_slots: dict[int, _Slot] = {}
_connections = Connections()
_watcher: asyncio.Task[None] | None = None


async def enter(session_id: int, writer: Stoppable, *, owner_id: int) -> None:
    """Become this process's only writer of an upload; an older one is stopped first.

    Raises:
        UploadBusy: the older writer did not end in time.
        TooManyRequests: the upload's owner has too many writers here.
    """
    deadline = asyncio.get_running_loop().time() + HAND_OVER_SECONDS
    while session_id in _slots:
        if not await stop(session_id, Stop.REPLACED, seconds=deadline - asyncio.get_running_loop().time()):
            raise UploadBusy(retry_after=1)
    _connections.take(owner_id)
    _slots[session_id] = _Slot(writer, owner_id)  # no await since the check: nobody came between
    ACTIVE.set(len(_slots))
    _watch()


def leave(session_id: int, writer: Stoppable) -> None:
    slot = _slots.get(session_id)
    if slot is not None and slot.writer is writer:
        del _slots[session_id]
        _connections.give_back(slot.owner_id)
        ACTIVE.set(len(_slots))
        slot.over.set()


async def stop(session_id: int, reason: Stop, *, seconds: float) -> bool:
    """Ask this process's writer of an upload to end. Return True when there is none (any more)."""
    slot = _slots.get(session_id)
    if slot is None:
        return True
    slot.writer.stop(reason)
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await slot.over.wait()
    except TimeoutError:
        return False
    return True


def stop_all(reason: Stop) -> None:
    for slot in list(_slots.values()):
        slot.writer.stop(reason)


def is_active(session_id: int) -> bool:
    return session_id in _slots


def _watch() -> None:
    global _watcher
    if _watcher is None or _watcher.done():
        _watcher = asyncio.create_task(_look_while_busy())


async def _look_while_busy() -> None:
    """Ends when nobody writes, so that an idle process asks nothing."""
    while _slots:
        await asyncio.sleep(LOOK_SECONDS)
        held = {pk: slot.writer.epoch for pk, slot in _slots.items() if slot.writer.epoch is not None}
        if not held:
            continue
        try:
            for pk in await database(asked_to_stop, held):
                slot = _slots.get(pk)
                if slot is not None and slot.writer.epoch == held[pk]:
                    slot.writer.stop(Stop.REPLACED)
        except DATABASE_DOWN as failure:
            log.warning("upload.stop_requests_unread", reason=type(failure).__name__)
            await asyncio.sleep(1.0)
