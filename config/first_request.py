"""A time for the first request of a connection to arrive.

gunicorn's ASGI worker bounds the time between requests (`keepalive`) and we bound that of a body (`uploads.append`); but for the first
request of a connection it waits for ever, also while its header trickles in. Behind nginx `client_header_timeout` does the same earlier.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

SECONDS = float(os.environ.get("WEB_HEADER_SECONDS") or 20)


def bound_first_requests(worker: Any, *, seconds: float = SECONDS) -> None:
    """Close the connections of a worker whose first request has not arrived, header and all, after so many seconds."""
    create_server = worker.loop.create_server

    async def bounded(factory: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        def connection() -> Any:
            made = factory()
            worker.loop.call_later(seconds, _close_if_waiting, made)
            return made

        return await create_server(connection, *args, **kwargs)

    worker.loop.create_server = bounded


def _close_if_waiting(connection: Any) -> None:
    if connection.req_count <= 1 and connection._awaiting_request and connection.transport is not None:
        connection.transport.close()
