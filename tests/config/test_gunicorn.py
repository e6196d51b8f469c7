"""The web server's settings that are code."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

from config.gunicorn import accept_one_at_a_time


def test_of_a_burst_of_connections_a_worker_takes_one_per_turn_and_the_rest_wait_for_whoever_is_free() -> None:
    taken: list[asyncio.BaseTransport] = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    async def go(listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accept_one_at_a_time(SimpleNamespace(loop=loop, cfg=SimpleNamespace(backlog=64)))
        burst = [socket.create_connection(listener.getsockname()) for _ in range(20)]
        server = await loop.create_server(Protocol, sock=listener)
        counts: list[int] = []
        while len(taken) < len(burst):
            await asyncio.sleep(0)
            counts.append(len(taken))
        assert all(after - before <= 1 for before, after in zip([0, *counts], counts, strict=False))
        for line in [*taken, *burst]:
            line.close()
        server.close()
        await server.wait_closed()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        asyncio.run(asyncio.wait_for(go(listener), 20))
