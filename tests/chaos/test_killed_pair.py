"""Two web servers that share nothing but database and bucket: either is killed or stands still at any moment, and the other goes on."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.chaos.kills import KILLS, SEED, SMALL, upload_under_kills
from tests.chaos.ledger import MIB
from tests.chaos.test_killed_s3 import reader
from tests.s3 import running
from tests.uploads.server import OFFSET_TYPE, Server

DATA = os.urandom(4 * MIB)
SENT = MIB + 300_000  # the first MiB of it is committed while its writer waits for more, the rest is not


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as s3, Server(os.environ["DATABASE_URL"], **s3.environment, **SMALL) as first:
        second = Server(os.environ["DATABASE_URL"], **s3.environment, **SMALL)
        second.database_url, second.token = first.database_url, first.token
        second.environment = second.environment | {"DATABASE_URL": first.database_url}
        second.start()
        try:
            yield first, second
        finally:
            second.stop(signal.SIGKILL)
            second.folder.cleanup()


def survive(pair: tuple[Server, Server], kills: int, folder: Path) -> None:
    with reader(pair[0], folder) as stored:
        ledger = upload_under_kills(pair, kills=kills, stored=stored)
    print(f"\nseed {SEED}, two servers over S3: {ledger}")
    ledger.require_evidence(kills)
    assert all(not server.uploads.exists() for server in pair), "nothing of it was ever on a server's disk"


@pytest.mark.stack
def test_after_20_kills_on_either_of_two_servers_every_file_is_whole(pair: tuple[Server, Server], tmp_path: Path) -> None:
    survive(pair, 20, tmp_path)


@pytest.mark.chaos
def test_after_many_kills_on_either_of_two_servers_every_file_is_whole(pair: tuple[Server, Server], tmp_path: Path) -> None:
    survive(pair, KILLS, tmp_path)


class Stalled:
    """A PATCH on one server that sent `SENT` bytes of `DATA` and fell silent; part of them is committed."""

    def __init__(self, server: Server) -> None:
        created = server.create(len(DATA))
        self.path, self.public_id = created.headers["Location"], created.headers["Holdfast-Upload"]
        head = f"PATCH {self.path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\n"
        self.line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.line.sendall(f"{head}Content-Length: {len(DATA)}\r\n\r\n".encode() + DATA[:SENT])
        deadline = time.monotonic() + 60
        while True:
            [(self.committed, self.holder)] = server.sql("SELECT committed, lease_owner FROM uploads_uploadsession WHERE public_id = %s", self.public_id)
            if self.committed:
                break
            assert time.monotonic() < deadline, "the PATCH never began"
            time.sleep(0.02)
        assert self.holder, "it still writes"

    def finish_on(self, server: Server) -> float:
        """Ask, and send the rest to another server; return the seconds until that was acknowledged."""
        address, started = server.url + self.path, time.monotonic()
        offset = server.offset(address)
        assert self.committed <= offset <= SENT
        answer = server.patch(address, offset, DATA[offset:])
        took = time.monotonic() - started
        assert answer.status_code == 204, answer.text
        return took

    def stored(self, server: Server) -> bytes:
        return requests.get(server.url + self.path, headers={"Tus-Resumable": "1.0.0"}, timeout=60).content


@pytest.mark.stack
def test_a_writer_that_waits_for_its_client_gives_way_to_the_other_server(pair: tuple[Server, Server]) -> None:
    took = []
    for one, other in [pair, pair[::-1]] * 3:
        stalled = Stalled(one)
        took.append(stalled.finish_on(other))
        assert stalled.line.recv(4096).startswith(b"HTTP/1.1 409"), "the one that gave way is told so"
        stalled.line.close()
        assert stalled.stored(one) == DATA
    print(f"\nHEAD and PATCH over S3 on the other server, with a stalled writer on the first: {', '.join(f'{one:.2f}' for one in took)} s")


@pytest.mark.stack
def test_a_writer_that_stands_still_is_passed_and_does_no_harm_when_it_wakes_up(pair: tuple[Server, Server]) -> None:
    """SIGSTOP: nobody answers, the lease runs on, and what it held in memory is sent when it goes on."""
    took = []
    for one, other in [pair, pair[::-1]] * 2:
        stalled = Stalled(one)
        frozen = psutil.Process(int(stalled.holder.rpartition(":")[2]))
        assert frozen in one.workers()
        frozen.suspend()
        try:
            stalled.line.sendall(DATA[SENT:])  # all the rest waits for it
            took.append(stalled.finish_on(other))
        finally:
            frozen.resume()
        stalled.line.settimeout(60)
        assert stalled.line.recv(4096).startswith(b"HTTP/1.1 4"), "it acknowledges nothing"
        stalled.line.close()
        assert stalled.stored(one) == DATA
    print(f"\nHEAD and PATCH over S3 on the other server, with a frozen writer on the first: {', '.join(f'{one:.2f}' for one in took)} s")
