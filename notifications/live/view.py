"""`GET /api/v1/events`: what happens to a person's videos, as it happens, as Server-Sent Events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection
from django.http import HttpRequest, StreamingHttpResponse

from notifications.models import Event
from notifications.selectors import events_after, newest_event_id
from resilience.http.api import authenticated_user
from resilience.http.errors import MethodNotAllowed, ValidationFailed
from resilience.http.limits import require_rate
from resilience.http.translate import DATABASE_DOWN

from . import frames
from .hub import Hub, Stream, current_hub

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0  # also the safety poll: a lost NOTIFY costs this much and no more
DATABASE_RETRY_SECONDS = 2.0
LIFE_SECONDS = 15 * 60.0
BATCH = 200
_LONGEST_ID = 19  # digits of 2^63


async def stream_events(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a person's stream: a fresh one starts now, one with `Last-Event-ID` goes on exactly after that event.

    Raises:
        MethodNotAllowed: anything but GET.
        NotSignedIn: neither a session nor a token.
        RateLimited: too many new streams in a minute.
        ValidationFailed: the id to go on from is not one of ours.
    """
    if request.method != "GET":
        raise MethodNotAllowed()
    wanted = _last_event_id(request)
    user_id, last_id, fresh = await sync_to_async(_begin)(request, wanted)
    response = StreamingHttpResponse(_stream(user_id, last_id, fresh=fresh), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx passes every event on at once
    return response


def _last_event_id(request: HttpRequest) -> int | None:
    given = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id") or ""
    if not given:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > _LONGEST_ID:
        raise ValidationFailed(errors=({"pointer": "/last_event_id", "code": "invalid", "detail": "This is not the id of an event."},))
    return int(given)


def _begin(request: HttpRequest, wanted: int | None) -> tuple[int, int, bool]:
    """Return whose stream it is, the id it starts after, and whether it is fresh. Leaves no connection behind."""
    try:
        user = authenticated_user(request)
        request.user = user
        require_rate(request, "stream")
        newest = newest_event_id(user.pk)
        fresh = wanted is None or wanted > newest  # an id from the future: of another database, or made up
        return user.pk, newest if wanted is None or fresh else wanted, fresh
    finally:
        _let_go()


async def _stream(user_id: int, last_id: int, *, fresh: bool) -> AsyncIterator[bytes]:
    hub = current_hub()
    deadline = asyncio.get_running_loop().time() + LIFE_SECONDS * random.uniform(0.9, 1)  # noqa: S311 - spreads reconnections
    with hub.stream(user_id) as stream:
        yield frames.retry(frames.RETRY_MS) + (frames.hello(last_id) if fresh else b"")
        while not stream.ended and asyncio.get_running_loop().time() < deadline:
            batch = await _read(hub, stream, last_id)
            for event in batch or ():
                yield frames.of(event)
                last_id = event.pk
            if batch and len(batch) == BATCH:
                continue  # more is waiting
            if not await stream.news(seconds=DATABASE_RETRY_SECONDS if batch is None else HEARTBEAT_SECONDS):
                yield frames.HEARTBEAT
        if stream.crowded_out:
            yield frames.retry(frames.CROWDED_RETRY_MS)  # or seven tabs would push each other out for ever


async def _read(hub: Hub, stream: Stream, last_id: int) -> list[Event] | None:
    """Return the next events, or None while the database is away: the stream outlives that."""
    async with hub.reading:
        try:
            return await sync_to_async(_read_and_let_go)(stream.user_id, last_id)
        except DATABASE_DOWN as error:
            log.warning("stream.read_failed", error=type(error).__name__)
            return None


def _read_and_let_go(user_id: int, last_id: int) -> list[Event]:
    try:
        return events_after(user_id, last_id, limit=BATCH)
    finally:
        _let_go()


def _let_go() -> None:
    """Give the connection back: an idle stream holds none. Inside a caller's transaction it is not ours to give."""
    if not connection.in_atomic_block:
        close_old_connections()
