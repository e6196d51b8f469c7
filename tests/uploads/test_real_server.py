"""Over real HTTP: gunicorn's ASGI worker, two processes, real clients, real kills."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import requests
from tusclient import client as tuspy

from tests.programs import node
from tests.uploads.server import OFFSET_TYPE, ROOT, TUS, Server

MIB = 2**20


def half_patch(server: Server, address: str, offset: int, *, length: int, sent: bytes) -> socket.socket:
    """Begin a PATCH of `length` bytes, send only some of them, and hand over the open connection."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    path = address.removeprefix(server.url)
    head = f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
    line.sendall(f"{head}Content-Type: {OFFSET_TYPE}\r\nContent-Length: {length}\r\n\r\n".encode() + sent)
    return line


def test_a_connection_cut_in_the_middle_keeps_every_byte_that_arrived(server: Server) -> None:
    data = os.urandom(5 * MIB)
    address = server.address(server.create(len(data)))
    line = half_patch(server, address, 0, length=len(data), sent=data[: 3 * MIB])
    server.arrived(3 * MIB)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # a reset, not a polite end
    line.close()
    assert server.offset(address) == 3 * MIB
    assert server.patch(address, 3 * MIB, data[3 * MIB :]).status_code == 204
    assert requests.get(address, timeout=60).content == data


def test_a_stalled_writer_in_any_process_gives_way_and_loses_nothing(server: Server) -> None:
    """Repeated, so that the second request meets the same process and the other one."""
    for _ in range(6):
        address = server.address(server.create(2 * MIB))
        line = half_patch(server, address, 0, length=2 * MIB, sent=bytes(MIB))
        server.arrived(MIB)
        assert server.offset(address) == MIB
        assert server.patch(address, MIB, bytes(MIB)).status_code == 204
        line.close()


def test_an_answer_before_the_end_of_the_body_reaches_a_client_that_is_still_sending(server: Server) -> None:
    address = server.address(server.create(8 * MIB))
    answer = server.patch(address, 1, bytes(8 * MIB - 1))
    assert (answer.status_code, answer.headers["Upload-Offset"], answer.json()["code"]) == (409, "0", "UPLOAD_OFFSET_MISMATCH")


def test_an_expecting_client_is_told_to_go_on(server: Server) -> None:
    address = server.address(server.create(5))
    path = address.removeprefix(server.url)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\n"
        line.sendall(f"{head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 100")
        line.sendall(b"hello")
        assert line.recv(1000).startswith(b"HTTP/1.1 204")


def test_tuspy_uploads_and_goes_on(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(3 * MIB + 17))
    client = tuspy.TusClient(f"{server.url}/files/", headers={"Authorization": f"Token {server.token}"})
    with path.open("rb") as source:
        first = client.uploader(file_stream=source, chunk_size=MIB, metadata={"filename": "film.bin"})
        first.upload_chunk()
        assert first.url is not None
        second = tuspy.TusClient(f"{server.url}/files/").uploader(file_stream=source, chunk_size=MIB, url=first.url)
        assert second.offset == MIB
        second.upload()
    assert requests.get(first.url, timeout=60).content == path.read_bytes()


def test_tus_js_client_uploads_and_goes_on(server: Server, tmp_path: Path) -> None:
    modules = Path(os.environ.get("NODE_MODULES") or ROOT / "node_modules")
    assert (modules / "tus-js-client").is_dir(), "npm ci installs it"
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(2 * MIB + 5))

    def run(token: str, url: str, stop_at: int) -> dict[str, Any]:
        command = [node(), str(Path(__file__).with_name("upload.mjs")), str(modules), f"{server.url}/files/", token, str(path), url, str(stop_at)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    stopped = run(server.token, "", MIB)
    assert server.offset(stopped["url"]) >= MIB
    assert run("", stopped["url"], 0)["done"] is True
    assert requests.get(stopped["url"], timeout=60).content == path.read_bytes()


class Killer(threading.Thread):
    """Kills a random worker again and again, as the kernel would; less often as time goes by, so that a slow machine gets on, too."""

    def __init__(self, server: Server, *, every: float) -> None:
        super().__init__(daemon=True)
        self.server, self.every, self.kills, self.over = server, every, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.every):
            workers = self.server.workers()
            if workers:
                with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended meanwhile
                    random.choice(workers).kill()
                    self.kills += 1
                    self.every *= 1.05


def send_through_anything(server: Server, address: str, data: bytes, *, part: int, seconds: float) -> list[int]:
    """Upload with a client that never gives up; returns every offset the server acknowledged, in order."""
    told: list[int] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = requests.head(address, headers=TUS, timeout=60)
            if answer.status_code != 200:
                continue
            offset = int(answer.headers["Upload-Offset"])
            told.append(offset)
            while offset < len(data):
                answer = server.patch(address, offset, data[offset : offset + part])
                if answer.status_code != 204:
                    break
                offset = int(answer.headers["Upload-Offset"])
                told.append(offset)
            if offset == len(data):
                return told
        except requests.RequestException:
            time.sleep(0.02)
    raise AssertionError(f"not done in {seconds} s: {told[-5:]} of {len(data)}")


def test_killing_workers_all_the_time_loses_nothing_that_was_acknowledged() -> None:
    data = os.urandom(48 * MIB)
    with Server(os.environ["DATABASE_URL"]) as server:
        address = server.address(server.create(len(data)))
        killer = Killer(server, every=0.12)
        killer.start()
        try:
            told = send_through_anything(server, address, data, part=MIB, seconds=120)
        finally:
            killer.over.set()
            killer.join()
        assert killer.kills >= 3
        assert told == sorted(told)
        stored = server.uploads / server.sql("SELECT storage_key FROM uploads_uploadsession")[0][0]
        assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(data).digest()
        assert server.sql("SELECT count(*) FROM resilience_task WHERE kind = 'uploads.inspect'") == [(1,)]


def test_a_shutdown_saves_what_arrived_and_ends_at_once() -> None:
    with Server(os.environ["DATABASE_URL"]) as server:
        address = server.address(server.create(4 * MIB))
        line = half_patch(server, address, 0, length=4 * MIB, sent=bytes(2 * MIB + 5))
        server.arrived(2 * MIB + 5)
        server.stop(signal.SIGTERM)
        assert line.recv(4096).startswith(b"HTTP/1.1 503")
        assert server.sql("SELECT committed, lease_owner FROM uploads_uploadsession") == [(2 * MIB + 5, "")]
        server.start()
        assert server.offset(address) == 2 * MIB + 5
        line.close()


def test_the_token_is_in_no_log_line(server: Server) -> None:
    before = server.log_path.read_text().count('"event": "upload.request"')
    address = server.address(server.create(5))
    server.patch(address, 0, b"hello")
    server.patch(address, 0, b"hello!")
    deadline = time.monotonic() + 60
    while (log := server.log_path.read_text()).count('"event": "upload.request"') < before + 3:
        assert time.monotonic() < deadline, log
        time.sleep(0.02)
    assert address.rpartition("/")[2] not in log
    assert "upt_" not in log
