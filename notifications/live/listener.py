"""LISTEN on one connection of its own, outside every pool, for as long as anybody streams."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from django.db import connections

from notifications.services.events import CHANNEL

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


async def listen(wake: Callable[[int | None], None]) -> None:
    """Call `wake(user_id)` for every NOTIFY, until canceled.

    1. Connect and LISTEN.
    2. Wake everybody: what was committed while nobody listened was told to nobody.
    3. Pass on what comes. A lost connection (PostgreSQL restarted) starts over after a pause that grows to 15 s.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                pause = FIRST_PAUSE_SECONDS
                wake(None)
                async for notice in connection.notifies():
                    wake(int(notice.payload) if notice.payload.isdecimal() else None)
        except psycopg.Error as error:
            log.warning("stream.listen_lost", error=type(error).__name__, again_in_s=pause)
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads processes, guards nothing
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


def _parameters() -> dict[str, Any]:
    """How Django connects, less what only its own cursors understand."""
    parameters = connections["default"].get_connection_params()
    for name in ("context", "cursor_factory"):
        parameters.pop(name, None)
    return parameters | {"application_name": "holdfast-listen"}
