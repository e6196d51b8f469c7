"""A server that restarts under uploads: each is told to come back, with all that arrived kept, and goes on with the next process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.stack.system import wait_for
from tests.uploads.server import OFFSET_TYPE, Server
from tests.uploads.test_real_server import send_through_anything

MIB = 2**20


def in_flight(server: Server, address: str, *, length: int, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"PATCH {address.removeprefix(server.url)} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\n"
    line.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + sent)
    return line


def committed(server: Server) -> list[int]:
    return [row[0] for row in server.sql("SELECT committed FROM uploads_uploadsession ORDER BY id")]


def wait_until_arrived(server: Server, wanted: list[int]) -> None:
    """Checkpoints come by themselves every 2 s; nobody is asked, which would end the appends."""
    wait_for(lambda: committed(server) == wanted, seconds=60, what="all that was sent is committed")


def answer_of(line: socket.socket) -> tuple[int, dict[str, str]]:
    """Read one whole answer, and that nothing follows it: the server has closed the connection."""
    said = b""
    while more := line.recv(65536):
        said += more
    head, _, _body = said.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}


@pytest.fixture
def own_server() -> Iterator[Server]:
    with Server(os.environ["DATABASE_URL"]) as running:
        yield running


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM])
def test_uploads_in_flight_survive_a_reload_and_a_restart(own_server: Server, how: signal.Signals) -> None:
    server = own_server
    data = [os.urandom(2 * MIB + number) for number in range(4)]
    addresses = [server.address(server.create(len(each))) for each in data]
    with contextlib.ExitStack() as lines:
        open_lines = [
            lines.enter_context(in_flight(server, address, length=len(each), sent=each[: MIB + 7 * index]))
            for index, (address, each) in enumerate(zip(addresses, data, strict=True))
        ]
        kept = [MIB + 7 * index for index in range(4)]
        wait_until_arrived(server, kept)
        before = {worker.pid for worker in server.workers()}
        if how is signal.SIGHUP:
            os.kill(server.workers()[0].ppid(), signal.SIGHUP)
        else:
            server.stop(signal.SIGTERM)
        for line in open_lines:
            status, headers = answer_of(line)
            assert (status, headers.get("retry-after"), headers.get("connection")) == (503, "1", "close"), headers
    assert committed(server) == kept
    assert server.sql("SELECT DISTINCT lease_owner FROM uploads_uploadsession") == [("",)]
    if how is signal.SIGTERM:
        server.start()
    for address, each, offset in zip(addresses, data, kept, strict=True):
        told = send_through_anything(server, address, each, part=MIB, seconds=60)
        assert told[0] == offset
        assert hashlib.sha256(requests.get(address, timeout=60).content).digest() == hashlib.sha256(each).digest()
    wait_for(lambda: before.isdisjoint(worker.pid for worker in server.workers()), seconds=60, what="the processes of before are gone")
