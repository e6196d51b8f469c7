"""Connections that trickle, and many of one person: ended or turned away, with what arrived kept and everybody else served."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import Line, patch, patch_line, request, writers
from tests.uploads.server import OFFSET_TYPE, Server
from uploads.limits.rate import MinimumRate
from uploads.models import UploadSession

pytestmark = pytest.mark.django_db(transaction=True)
KIB = 2**10


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def new_upload() -> Callable[[int], Awaitable[str]]:
    token = str(AuthToken.objects.create(make_user(email="ada@example.org"))[1])

    async def create(length: int) -> str:
        answer = await request("POST", "/files/", Upload_Length=str(length), Authorization=f"Token {token}")
        assert answer.status == 201, answer
        return answer.headers["location"]

    return create


def judged(*arrivals: tuple[float, int]) -> bool:
    """Whether 100 bytes a second over 10 s are missed by a sender of whom so many bytes came after so many seconds of waiting."""
    rate, received = MinimumRate(100, 10.0), 0
    for waited, size in arrivals:
        received += size
        rate.note(waited=waited, received=received)
    return rate.too_slow


@pytest.mark.parametrize(
    ("arrivals", "too_slow"),
    [
        ([(10, 0), (10, 1000)], False),  # the first ten seconds are let go by
        ([(10, 0), (10, 999)], True),
        ([(10, 5000), (10, 10)], True),  # what came early is not saved up
        ([(5, 0), (5, 0), (5, 900), (5, 100)], False),
        ([(0.1, 1)] * 150, False),  # not yet judged
        ([(0.1, 1)] * 210, True),
    ],
)
def test_the_rate(arrivals: list[tuple[float, int]], too_slow: bool) -> None:
    assert judged(*arrivals) is too_slow


def test_any_rate_will_do_when_none_is_set() -> None:
    rate = MinimumRate(0, 10.0)
    for _ in range(5):
        rate.note(waited=10.0, received=0)
    assert not rate.too_slow


def test_a_connection_that_trickles_is_ended_and_what_arrived_is_kept(settings: Any, new_upload: Callable[[int], Awaitable[str]]) -> None:
    settings.UPLOAD_MINIMUM_RATE, settings.UPLOAD_MINIMUM_RATE_SECONDS = 1000, 0.2
    settings.UPLOAD_CHECKPOINT_SECONDS = 0.05

    async def scenario() -> None:
        path = await new_upload(5000)
        line = patch_line(path, 0, length=5000)
        sent = 0
        assert line.task is not None
        while not line.task.done() and sent < 500:
            line.send(b"x")
            sent += 1
            await asyncio.sleep(0.02)
        answer = await line.finish()
        assert (answer.status, answer.problem["code"], answer.headers["retry-after"]) == (408, "UPLOAD_TOO_SLOW", "1")
        kept = (await request("HEAD", path)).offset
        assert 0 < kept <= sent
        assert (await patch(path, kept, bytes(5000 - kept))).status == 204

    asyncio.run(scenario())


def test_a_creation_that_trickles_still_tells_its_address(settings: Any) -> None:
    settings.UPLOAD_MINIMUM_RATE, settings.UPLOAD_MINIMUM_RATE_SECONDS = 1000, 0.1
    settings.UPLOAD_CHECKPOINT_SECONDS = 0.05
    token = str(AuthToken.objects.create(make_user(email="ada@example.org"))[1])

    async def scenario() -> None:
        given = {"Tus-Resumable": "1.0.0", "Upload-Length": "5000", "Content-Length": "5000", "Content-Type": OFFSET_TYPE, "Authorization": f"Token {token}"}
        line = Line("POST", "/files/", given).begin()
        line.send(b"x")
        answer = await line.finish()
        assert (answer.status, answer.offset) == (201, 1)
        assert (await request("HEAD", answer.headers["location"])).offset == 1

    asyncio.run(scenario())


def test_one_connection_too_many_is_turned_away_until_another_ends(settings: Any, new_upload: Callable[[int], Awaitable[str]]) -> None:
    settings.UPLOAD_USER_CONNECTIONS = 2

    async def scenario() -> None:
        paths = [await new_upload(10) for _ in range(3)]
        lines = [patch_line(path, 0, length=10) for path in paths[:2]]
        for line in lines:
            line.send(b"hello")
        await writers(2)
        refused = await patch(paths[2], 0, b"hello")
        assert (refused.status, refused.problem["code"]) == (429, "UPLOAD_TOO_MANY_CONNECTIONS")
        assert "(2)" in refused.problem["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert (await request("HEAD", paths[2])).offset == 0
        again = await patch(paths[0], 5, b"world")  # takes the place of its own older one
        assert (again.status, again.offset) == (204, 10)
        lines[1].drop()
        await lines[1].finish()
        assert (await patch(paths[2], 0, b"hello")).status == 204
        await lines[0].finish()

    asyncio.run(scenario())
    assert set(UploadSession.objects.values_list("lease_owner", flat=True)) == {""}


def begun_append(server: Server, path: str, *, length: int) -> socket.socket:
    """An append of which five bytes have been sent."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\n"
    line.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + b"begun")
    return line


def test_many_stalled_uploads_do_not_starve_the_others(server: Server) -> None:
    """200 appends that stand still, and 100 connections that never finish their first line."""
    with contextlib.ExitStack() as open_lines:
        for _ in range(200):
            address = server.address(server.create(9999))
            open_lines.enter_context(begun_append(server, address.removeprefix(server.url), length=9999))
        for _ in range(100):
            line = open_lines.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            line.sendall(b"PATCH /fil")
        data = os.urandom(64 * KIB)
        address = server.address(server.create(len(data)))
        assert server.offset(address) == 0
        assert server.patch(address, 0, data).status_code == 204
        assert server.offset(address) == len(data)


def closed(line: socket.socket, *, trickle: bytes = b"", seconds: float = 60) -> bool:
    """Go on sending a byte now and then until the other side ends the connection."""
    line.settimeout(0.1)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            line.sendall(trickle)
            if line.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_header_that_trickles_for_ever_is_ended_and_a_slow_body_is_not() -> None:
    """gunicorn itself waits for a first request without end."""
    with Server(os.environ["DATABASE_URL"], WEB_HEADER_SECONDS="1") as server, contextlib.ExitStack() as lines:
        address = server.address(server.create(10))
        slow = lines.enter_context(begun_append(server, address.removeprefix(server.url), length=10))
        silent, trickling = (lines.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(2))
        trickling.sendall(b"PATCH /files/x HTTP/1.1\r\nX-Slow: ")
        assert closed(trickling, trickle=b"a")
        assert closed(silent)
        slow.sendall(b"world")
        assert slow.recv(100).startswith(b"HTTP/1.1 204 ")
        assert server.offset(address) == 10


def test_over_real_sockets_too_many_are_turned_away_and_too_slow_ones_ended() -> None:
    """Three appends, two processes that each take one of a person: at least one is refused at once, the others trickle until they are ended."""
    limits = {"UPLOAD_USER_CONNECTIONS": "1", "UPLOAD_MINIMUM_RATE": "1KiB", "UPLOAD_MINIMUM_RATE_SECONDS": "2"}
    with Server(os.environ["DATABASE_URL"], **limits) as server, contextlib.ExitStack() as lines:
        addresses = [server.address(server.create(10)) for _ in range(3)]
        sent = [lines.enter_context(begun_append(server, address.removeprefix(server.url), length=10)) for address in addresses]
        answers = [lines.enter_context(line.makefile("rb")).read().decode() for line in sent]
        codes = {"408": "UPLOAD_TOO_SLOW", "429": "UPLOAD_TOO_MANY_CONNECTIONS"}
        assert {answer.split()[1] for answer in answers} == set(codes)
        for address, answer in zip(addresses, answers, strict=True):
            status = answer.split()[1]
            assert f'"code": "{codes[status]}"' in answer
            assert "\r\nretry-after: " in answer.lower()
            assert server.offset(address) == (5 if status == "408" else 0)
            offset = server.offset(address)
            assert server.patch(address, offset, b"begunworld"[offset:]).status_code == 204
