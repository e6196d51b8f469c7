"""Too little room: new uploads wait, those that began go on as far as they can, and all goes on when there is room again."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import Answer, patch, request
from tests.uploads.server import Server
from uploads.models import UploadSession, Video

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20
Disk = namedtuple("Disk", ["total", "used", "free"])


@pytest.mark.parametrize(("free", "enough"), [(99, False), (101, True)])
def test_below_a_tenth_new_uploads_wait_and_the_others_are_finished(
    settings: Any, monkeypatch: pytest.MonkeyPatch, upload_dir: Path, free: int, enough: bool
) -> None:
    """The disk's own figures are what counts: 1,000 bytes in all, and so many of them free."""
    settings.UPLOAD_ACCEPT = "*"
    token = str(AuthToken.objects.create(make_user())[1])
    disk = Disk(1000, 500, 500)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)

    def create() -> Any:
        return request("POST", "/files/", Upload_Length="50", Authorization=f"Token {token}")

    async def scenario() -> Answer:
        nonlocal disk
        path = (await create()).headers["location"]
        disk = Disk(1000, 1000 - free, free)
        second: Answer = await create()
        assert (await patch(path, 0, bytes(20))).status == 204
        assert (await patch(path, 20, bytes(30))).status == 204
        return second

    second = asyncio.run(scenario())
    there = (UploadSession.objects.count(), Video.objects.count(), len(os.listdir(upload_dir)))
    if enough:
        assert (second.status, there) == (201, (2, 2, 2))
    else:
        assert (second.status, second.problem["code"], there) == (507, "UPLOAD_STORAGE_FULL", (1, 1, 1))
        assert int(second.headers["retry-after"]) > 0
    disk = Disk(1000, 500, 500)
    assert asyncio.run(create()).status == 201


def let_write(server: Server, most: int) -> None:
    """Let no process of a server make a file larger than so many bytes, as a full disk would not."""
    for worker in server.workers():
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def test_a_file_that_hits_the_end_of_the_room_goes_on_from_there_later(server: Server) -> None:
    """A real limit of the kernel, in a real server: what fits is kept and acknowledged, and the rest follows when there is room."""
    data = os.urandom(3 * MIB)
    address = server.address(server.create(len(data)))
    before = {worker.pid for worker in server.workers()}
    let_write(server, MIB + 1234)
    try:
        answer = server.patch(address, 0, data)
        assert (answer.status_code, answer.json()["code"]) == (507, "UPLOAD_STORAGE_FULL")
        assert int(answer.headers["Retry-After"]) > 0
        assert server.offset(address) == MIB + 1234
        assert server.patch(address, MIB + 1234, data[MIB + 1234 :]).status_code == 507
        assert server.offset(address) == MIB + 1234
    finally:
        let_write(server, resource.RLIM_INFINITY)
    assert server.patch(address, MIB + 1234, data[MIB + 1234 :]).status_code == 204
    assert requests.get(address, timeout=20).content == data
    assert {worker.pid for worker in server.workers()} == before  # nobody died of it
    assert all(psutil.Process(pid).is_running() for pid in before)
