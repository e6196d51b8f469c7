"""What published clients make of an upload that was taken over: they stop and say so, and never send the whole file again beside it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.programs import node
from tests.uploads.server import ROOT, Server

MIB = 2**20


def tus_js_client(server: Server, film: Path, *, address: str = "", stop_at: int = 0) -> dict[str, Any]:
    command = [node(), str(ROOT / "tests/uploads/upload.mjs"), str(ROOT), f"{server.url}/files/", server.token, str(film), address, str(stop_at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_tus_js_client_stops_when_its_upload_goes_on_elsewhere(server: Server, tmp_path: Path) -> None:
    film = tmp_path / "film.bin"
    film.write_bytes(os.urandom(MIB))
    begun = tus_js_client(server, film, stop_at=MIB // 2)
    [(public_id, before)] = server.sql("SELECT public_id, committed FROM uploads_uploadsession WHERE length = %s", MIB)
    assert before >= MIB // 2
    asked = requests.post(f"{server.url}/api/v1/uploads/{public_id}/token", headers={"Authorization": f"Token {server.token}"}, timeout=20)
    fresh = server.url + asked.json()["upload_url"]

    stopped = tus_js_client(server, film, address=begun["url"])
    assert "423" in stopped["error"]
    assert server.sql("SELECT count(*), max(committed) FROM uploads_uploadsession WHERE length = %s", MIB) == [(1, before)]
    assert tus_js_client(server, film, address=fresh)["done"]
