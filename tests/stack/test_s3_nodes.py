"""Two web servers with nothing in common but the database and the bucket."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from tests.s3 import FakeS3, running
from tests.stack.system import wait_for
from tests.uploads.server import OFFSET_TYPE, Server

pytestmark = pytest.mark.stack
MIB = 2**20


@pytest.fixture  # one for each test: the last kills a server
def pair() -> Iterator[tuple[Server, Server, FakeS3]]:
    with running() as s3, Server(os.environ["DATABASE_URL"], **s3.environment) as first:
        second = Server(os.environ["DATABASE_URL"], **s3.environment)
        second.database_url, second.token = first.database_url, first.token
        second.environment = second.environment | {"DATABASE_URL": first.database_url, "SECRET_KEY": "x" * 60}
        second.start()
        try:
            yield first, second, s3
        finally:
            second.stop(signal.SIGKILL)
            second.folder.cleanup()


def test_any_server_goes_on_with_any_upload(pair: tuple[Server, Server, FakeS3]) -> None:
    first, second, _s3 = pair
    data, told = os.urandom(13 * MIB + 5), 0
    created = first.create(len(data))
    path = first.address(created).removeprefix(first.url)
    for turn, server in enumerate([first, second] * 20):
        if told == len(data):
            break
        address = server.url + path
        assert server.offset(address) == told
        answer = server.patch(address, told, data[told : told + MIB + turn])
        assert answer.status_code == 204, answer.text
        told = int(answer.headers["Upload-Offset"])
    read = requests.get(second.url + path, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
    assert hashlib.sha256(read.content).digest() == hashlib.sha256(data).digest()
    for server in (first, second):
        assert not server.uploads.exists(), "nothing of it was ever on a server's disk"


def test_a_stalled_writer_gives_way_to_the_other_server(pair: tuple[Server, Server, FakeS3]) -> None:
    first, second, _s3 = pair
    data = os.urandom(2 * MIB)
    created = first.create(len(data))
    path, public_id = first.address(created).removeprefix(first.url), created.headers["Holdfast-Upload"]
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", first.port), timeout=60) as line:
        line.sendall(head.encode() + data[:MIB])
        begun = "SELECT 1 FROM uploads_uploadsession WHERE public_id = %s AND lease_owner <> ''"
        wait_for(lambda: first.sql(begun, public_id), seconds=60, what="the first PATCH has begun")
        asked = time.monotonic()
        offset = second.offset(second.url + path)
        answer = second.patch(second.url + path, offset, data[offset:])
        print(f"\nthe other server took over after {time.monotonic() - asked:.2f} s, at {offset} of {len(data)}")
        assert answer.status_code == 204, answer.text
    read = requests.get(first.url + path, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
    assert read.content == data


def test_a_killed_server_loses_nothing_it_acknowledged(pair: tuple[Server, Server, FakeS3]) -> None:
    first, second, _s3 = pair
    data = os.urandom(7 * MIB)
    created = first.create(len(data))
    path = first.address(created).removeprefix(first.url)
    told = int(first.patch(first.url + path, 0, data[: 6 * MIB]).headers["Upload-Offset"])
    first.stop(signal.SIGKILL)
    assert second.offset(second.url + path) == told
    assert second.patch(second.url + path, told, data[told:]).status_code == 204
    read = requests.get(second.url + path, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
    assert read.content == data
