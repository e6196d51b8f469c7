"""The stream's clockwork, in this process and with short times. Over real HTTP: tests/api/test_stream.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError, close_old_connections, connections

from notifications.live import frames, hub, view
from notifications.models import Event
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def run(user: User, steps: object) -> None:
    """Run `steps(stream)` over a stream of this person that starts at 0, then close it."""

    async def main() -> None:
        stream = view._stream(user.pk, 0, fresh=True)
        try:
            await asyncio.wait_for(steps(stream), 10)  # type: ignore[operator]
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            await sync_to_async(connections.close_all)()
        assert hub.current_hub().count() == 0

    asyncio.run(main())
    close_old_connections()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(view, "DATABASE_RETRY_SECONDS", 0.1)


@pytest.mark.usefixtures("short")
def test_a_silent_stream_shows_that_it_lives() -> None:
    async def steps(stream: AsyncIterator[bytes]) -> None:
        assert (await anext(stream)).startswith(b"retry: 3000\n\nid: 0\nevent: hello\n")
        assert await anext(stream) == frames.HEARTBEAT
        assert await anext(stream) == frames.HEARTBEAT

    run(make_user(), steps)


@pytest.mark.usefixtures("short")
def test_a_lost_wake_up_costs_one_heartbeat() -> None:
    user = make_user()

    async def steps(stream: AsyncIterator[bytes]) -> None:
        await anext(stream)
        await anext(stream)
        await Event.objects.acreate(user=user, kind="video.changed")  # a row, and no NOTIFY
        while (frame := await anext(stream)) == frames.HEARTBEAT:
            pass
        assert b"event: video.changed\n" in frame

    run(user, steps)


@pytest.mark.usefixtures("short")
def test_a_stream_ends_after_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "LIFE_SECONDS", 0.5)

    async def steps(stream: AsyncIterator[bytes]) -> None:
        seen = [frame async for frame in stream]
        assert 2 <= len(seen) <= 5

    run(make_user(), steps)


@pytest.mark.usefixtures("short")
def test_what_could_not_be_read_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    Event.objects.create(user=user, kind="video.changed")
    real, failures = view.events_after, iter([True, True])

    def shaky(user_id: int, last_id: int, *, limit: int) -> list[Event]:
        if next(failures, False):
            raise OperationalError("the server closed the connection")
        return real(user_id, last_id, limit=limit)

    monkeypatch.setattr(view, "events_after", shaky)

    async def steps(stream: AsyncIterator[bytes]) -> None:
        await anext(stream)
        while (frame := await anext(stream)) == frames.HEARTBEAT:
            pass
        assert b"event: video.changed\n" in frame
        assert next(failures, None) is None, "both failures were met on the way"

    run(user, steps)


def test_a_stopping_server_takes_no_new_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_stopping", lambda: True)

    async def steps(stream: AsyncIterator[bytes]) -> None:
        assert len([frame async for frame in stream]) == 1

    run(make_user(), steps)


def test_data_is_one_line_whatever_it_holds() -> None:
    event = Event.objects.create(user=make_user(), kind="video.changed", data={"title": "a\nb\r\n\n: x\u2028"})
    lines = frames.of(Event.objects.get(pk=event.pk)).split(b"\n")
    assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b"", b""]
