"""A web worker that takes too much memory is replaced while people send: nothing they sent is lost."""

from __future__ import annotations

import hashlib
import os
import time

import pytest
import requests

from tests.uploads.server import Server

MIB = 2**20
# So little memory that every worker is over it from the start; new uploads are let in all the same.
TIGHT = {"MEMORY_LIMIT": "16MiB", "MONITOR_SECONDS": "0.5", "MEMORY_SHED_PERCENT": "1000"}


@pytest.mark.stack
def test_a_worker_is_replaced_in_the_middle_of_an_upload_which_goes_on() -> None:
    data = os.urandom(8 * MIB)
    with Server(os.environ["DATABASE_URL"], **TIGHT) as server:
        before = {worker.pid for worker in server.workers()}
        address = server.address(server.create(len(data)))
        deadline = time.monotonic() + 120
        while (offset := server.offset(address)) < len(data) or {worker.pid for worker in server.workers()} >= before:
            assert time.monotonic() < deadline, server.log_path.read_text()[-5000:]
            if offset < len(data) - 1:  # the last byte waits until a worker was replaced
                send_a_little(server, address, offset, data[offset : min(offset + 256 * 1024, len(data) - 1)])
            elif {worker.pid for worker in server.workers()} >= before:
                time.sleep(0.1)
            else:
                send_a_little(server, address, offset, data[offset:])
        assert hashlib.sha256(requests.get(address, timeout=60).content).digest() == hashlib.sha256(data).digest()
        assert "memory.process_replaced" in server.log_path.read_text()


def send_a_little(server: Server, address: str, offset: int, part: bytes) -> None:
    try:
        server.patch(address, offset, part)
    except requests.ConnectionError:  # it was just being replaced: what arrived is asked for again
        time.sleep(0.05)
