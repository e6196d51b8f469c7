"""SIGKILL of the web server during an upload: nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from tests.stack.client import Upload, sha256
from tests.stack.line import Line
from tests.stack.system import System

pytestmark = pytest.mark.stack


def test_a_200_mib_upload_survives_kills_of_web_workers_again_and_again(tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    with source.open("wb") as out:
        for _ in range(200):
            out.write(os.urandom(2**20))
    with System(UPLOAD_ACCEPT="*") as system, Line(system.port, bytes_per_second=40 * 2**20) as line:  # five seconds: time for many kills
        upload = Upload(line.url, system.token, source)
        assert upload.create().status_code == 201
        done = threading.Event()
        kills = 0

        def killer() -> None:
            nonlocal kills
            chance, pause = random.Random(1), 0.3
            while not done.wait(pause):
                system.kill_a_web_worker(chance)
                kills += 1
                pause *= 1.05  # a slow machine gets on, too

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            upload.send(seconds=180)
        finally:
            done.set()
            thread.join()
        assert kills >= 3
        assert upload.failures >= 1, "no kill ever met a request: this test proved nothing"
        assert upload.never_went_back(), upload.acknowledged
        [(key, committed)] = system.query("SELECT storage_key, committed FROM uploads_uploadsession")
        assert committed == source.stat().st_size
        assert sha256(system.var_dir / "uploads" / key) == sha256(source)
