"""Clients as published, in their further ways, over a real server and its workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.programs import node
from tests.uploads.server import ROOT, Server


@pytest.mark.parametrize("way", ["parallel", "deferred", "draft", "draft-whole", "with-body"])
def test_tus_js_client(server: Server, tmp_path: Path, way: str) -> None:
    modules = Path(os.environ.get("NODE_MODULES") or ROOT / "node_modules")
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(2 * 2**20 + 5))
    command = [node(), str(Path(__file__).with_name("ways.mjs")), str(modules), f"{server.url}/files/", server.token, str(path), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    url = json.loads(done.stdout)["url"]
    assert requests.get(url, timeout=20).content == path.read_bytes()
    (row,) = server.sql("SELECT state, file_name, role FROM uploads_uploadsession WHERE video_id IS NOT NULL ORDER BY id DESC LIMIT 1")
    assert row == ("received", "film.mp4", "joined" if way == "parallel" else "")


def test_interim_answers_on_the_wire(server: Server) -> None:
    """A client in the draft's own terms, over a bare socket: 104 with the address, the rest after a break."""
    head = f"POST /files/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Token {server.token}\r\n"
    head += "Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1\r\nContent-Length: 10\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(head.encode() + b"hello")
        told = b""
        while not told.endswith(b"\r\n\r\n"):
            told += line.recv(4096)
    status, *fields = told.decode().split("\r\n")
    assert status.startswith("HTTP/1.1 104 ")
    found = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields if field)}
    assert found["upload-draft-interop-version"] == "8"
    address = server.url + found["location"]
    version = {"Upload-Draft-Interop-Version": "8"}
    offset = requests.head(address, headers=version, timeout=20).headers["Upload-Offset"]
    rest = {"Upload-Offset": offset, "Upload-Complete": "?1", "Content-Type": "application/partial-upload"}
    done = requests.patch(address, headers=version | rest, data=b"helloworld"[int(offset) :], timeout=20)
    assert (done.status_code, done.headers["Upload-Complete"]) == (204, "?1")
    assert requests.get(address, timeout=20).content == b"helloworld"
