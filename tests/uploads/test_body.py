"""What bodies hold in memory while their bytes wait to be written: bounded for all of them together, and none starves another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest

from uploads.append import body as module
from uploads.append.body import Body, End

pytestmark = pytest.mark.usefixtures("no_rate")
CHUNK = 1000


@pytest.fixture
def no_rate(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOAD_MINIMUM_RATE = 0
    monkeypatch.setattr(module, "AHEAD_BYTES", 20 * CHUNK)
    monkeypatch.setattr(module, "ALL_AHEAD_BYTES", 40 * CHUNK)


class Sender:
    """An endless client: every read gives the next chunk at once."""

    def __init__(self, chunks: int = 10**9) -> None:
        self.left = chunks

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.sleep(0)
        self.left -= 1
        return {"type": "http.request", "body": bytes(CHUNK), "more_body": self.left > 0}


async def settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


def bodies(count: int) -> Iterator[Body]:
    for _ in range(count):
        made = Body(Sender().receive)
        made.start()
        yield made


def test_one_body_reads_ahead_so_far_and_no_further() -> None:
    async def go() -> None:
        (only,) = bodies(1)
        await settle()
        assert only.received == module.AHEAD_BYTES
        await only.close()

    asyncio.run(go())


def test_all_bodies_together_stay_within_their_room_and_each_has_its_share() -> None:
    async def go() -> None:
        many = list(bodies(20))
        await settle()
        share = module.ALL_AHEAD_BYTES // len(many)
        assert all(share <= each.received <= module.AHEAD_BYTES for each in many)
        assert sum(each.received for each in many) <= module.ALL_AHEAD_BYTES + len(many) * CHUNK
        for each in many:
            await each.close()
        assert (module._all.held, module._all.bodies) == (0, 0)

    asyncio.run(go())


def test_a_writer_is_woken_with_less_than_it_wants_when_there_is_no_room_for_more() -> None:
    async def go() -> None:
        many = list(bodies(20))
        await settle()
        for each in many:
            await asyncio.wait_for(each.wait(minimum=10**9, seconds=60), 5)
            _chunks, size = each.take()
            assert size
            before = each.received
            await settle()
            assert each.received == before, "what is being written counts as held"
            each.let_go()
            await settle()
            assert each.received > before
        for each in many:
            await each.close()

    asyncio.run(go())


def test_silent_bodies_take_no_room_from_one_that_sends() -> None:
    async def silence() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def go() -> None:
        silent = [Body(silence) for _ in range(500)]
        for each in silent:
            each.start()
        (busy,) = bodies(1)
        await settle()
        assert busy.received == module.AHEAD_BYTES
        for each in [*silent, busy]:
            await each.close()

    asyncio.run(go())


def test_every_byte_comes_through_once_and_in_order() -> None:
    async def go() -> None:
        sizes = [Sender(7), Sender(33)]
        for sender in sizes:
            count, body = sender.left, Body(sender.receive)
            body.start()
            got = 0
            while body.end is None:
                await body.wait(minimum=5 * CHUNK, seconds=5)
                got += body.take()[1]
                body.let_go()
            assert (got, body.end) == (count * CHUNK, End.WHOLE)
            await body.close()
        assert (module._all.held, module._all.bodies) == (0, 0)

    asyncio.run(go())
