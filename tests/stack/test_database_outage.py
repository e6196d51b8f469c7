"""PostgreSQL away for ten seconds during an upload and a transcode: pages say so, nothing is lost, all goes on by itself."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.media import clip
from tests.stack.client import Upload, sha256
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.stack


def test_ten_seconds_without_a_database_lose_nothing(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(64 * 2**20))
    film = clip(seconds=30, width=854, height=480)
    with System(UPLOAD_ACCEPT="*") as system:
        transcoding = Upload(system.url, system.token, film)
        assert transcoding.create().status_code == 201
        transcoding.send(seconds=60)
        wait_for(lambda: system.query("SELECT 1 FROM processing_attempt WHERE state = 'progressing'"), seconds=60, what="the transcode is under way")

        upload = Upload(system.url, system.token, large, chunk=2**20)
        assert upload.create().status_code == 201
        failures: list[BaseException] = []

        def send_slowly() -> None:
            try:
                upload.send(seconds=90)
            except BaseException as failure:
                failures.append(failure)

        sender = threading.Thread(target=send_slowly)
        sender.start()
        wait_for(lambda: len(upload.acknowledged) > 5, seconds=20, what="the upload is under way")
        system.postgres.stop(mode="immediate")
        stopped = time.monotonic()
        page = requests.get(f"{system.url}/accounts/login/", headers={"Accept": "text/html"}, cookies={"sessionid": "x" * 32}, timeout=20)
        api = system.get("/api/v1/videos")
        alive = requests.get(f"{system.url}/healthz", timeout=5)
        ready = requests.get(f"{system.url}/readyz", timeout=20)
        status = requests.get(f"{system.url}/status/", timeout=20)
        figures = requests.get(f"{system.url}/metrics", timeout=20)
        time.sleep(max(0.0, 10 - (time.monotonic() - stopped)))
        system.postgres.start()

        assert alive.status_code == 200
        assert ready.status_code == 503
        assert ready.json()["parts"]["database"]["status"] == "unavailable"
        assert status.status_code == 200
        assert "What has arrived is safe" in status.text
        assert "holdfast_database_up 0.0" in figures.text
        assert "holdfast_uploads_received_bytes_total" in figures.text
        for answer in (page, api):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
        assert "text/html" in page.headers["Content-Type"]
        assert api.headers["Content-Type"] == "application/problem+json"
        assert api.json()["code"] == "DATABASE_UNAVAILABLE"

        sender.join(100)
        assert not failures
        assert upload.never_went_back()
        [(key,)] = system.query("SELECT storage_key FROM uploads_uploadsession WHERE file_name = 'large.bin'")
        assert sha256(system.var_dir / "uploads" / key) == sha256(large)
        assert system.wait_for_state(transcoding.video, "ready", "failed", "needs_new_file", seconds=120)["state"] == "ready"
