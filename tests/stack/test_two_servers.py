"""Two web servers with separate masters over one database and one UPLOAD_DIR: they know of each other by the database alone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from tests.stack.system import wait_for
from tests.uploads.server import OFFSET_TYPE, Server

pytestmark = pytest.mark.stack

MIB = 2**20


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    with Server(os.environ["DATABASE_URL"]) as first:
        second = Server(os.environ["DATABASE_URL"])
        own_folder = second.folder
        second.var_dir, second.uploads, second.database_url, second.token = first.var_dir, first.uploads, first.database_url, first.token
        second.environment = first.environment | {"PORT": str(second.port)}
        second.start()
        try:
            yield first, second
        finally:
            second.stop()
            own_folder.cleanup()


def stalled(server: Server, path: str, sent: bytes, *, length: int) -> socket.socket:
    """Begin a PATCH, send some of it, and fall silent."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\nContent-Length: {length}\r\n\r\n"
    line.sendall(head.encode() + sent)
    return line


def wait_for_writer(server: Server, public_id: str, *, sent: int) -> None:
    """Until the stalled PATCH holds the lease and all its bytes are in the file."""

    def writes() -> bool:
        [(key, owner)] = server.sql("SELECT storage_key, lease_owner FROM uploads_uploadsession WHERE public_id = %s", public_id)
        return bool(owner) and (server.uploads / key).stat().st_size >= sent

    wait_for(writes, seconds=60, what="the first PATCH has begun and its bytes are there", every=0.02)


def test_a_stalled_writer_on_one_server_gives_way_to_a_patch_on_the_other(pair: tuple[Server, Server]) -> None:
    first, second = pair
    took: list[float] = []
    for one, other in [(first, second), (second, first)] * 3:
        created = one.create(2 * MIB)
        address, public_id = one.address(created), created.headers["Holdfast-Upload"]
        path = address.removeprefix(one.url)
        line = stalled(one, path, bytes(MIB), length=2 * MIB)
        wait_for_writer(one, public_id, sent=MIB)
        elsewhere = f"{other.url}{path}"
        started = time.monotonic()
        offset = other.offset(elsewhere)
        assert other.patch(elsewhere, offset, bytes(2 * MIB - offset)).status_code == 204
        took.append(time.monotonic() - started)
        line.close()
        assert one.sql("SELECT committed FROM uploads_uploadsession WHERE public_id = %s", public_id) == [(2 * MIB,)]
    print(f"\nHEAD and PATCH on the other server, with a stalled writer on the first: {', '.join(f'{second:.2f}' for second in took)} s")


def test_a_patch_that_does_not_ask_first_preempts_across_servers_and_learns_the_offset(pair: tuple[Server, Server]) -> None:
    first, second = pair
    created = first.create(2 * MIB)
    address, public_id = first.address(created), created.headers["Holdfast-Upload"]
    path = address.removeprefix(first.url)
    line = stalled(first, path, bytes(MIB), length=2 * MIB)
    wait_for_writer(first, public_id, sent=MIB)
    elsewhere = f"{second.url}{path}"
    started = time.monotonic()
    refused = second.patch(elsewhere, 0, b"x")
    assert (refused.status_code, refused.json()["code"]) == (409, "UPLOAD_OFFSET_MISMATCH")
    offset = int(refused.headers["Upload-Offset"])
    assert offset == MIB
    assert second.patch(elsewhere, offset, bytes(2 * MIB - offset)).status_code == 204
    print(f"\nPATCH, 409 and PATCH on the other server: {time.monotonic() - started:.2f} s")
    assert line.recv(4096).startswith(b"HTTP/1.1 409")  # the writer that gave way is told so
    line.close()
