"""The whole way with S3 as the store: uploaded over HTTP, put together, looked at, converted from a copy, ready; and nothing is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import media
from tests.s3 import running
from tests.stack.client import Upload, sha256
from tests.stack.system import System

pytestmark = pytest.mark.stack


def test_an_upload_kept_in_s3_becomes_ready(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(media.clip().read_bytes())
    with running() as s3, System(**s3.environment) as system:
        upload = Upload(system.url, system.token, source, chunk=100_000)
        assert upload.create().status_code == 201
        upload.send(seconds=60)
        video = system.wait_for_state(upload.video, "ready", "failed", "needs_new_file", "blocked")
        assert video["state"] == "ready", video
        (key,) = s3.objects()
        (digest,) = system.query("SELECT sha256 FROM uploads_uploadsession")[0]
        assert digest == sha256(source)
        assert s3.body(key) == source.read_bytes()
        assert s3.multiparts() == []
        assert not (system.var_dir / "uploads").exists()
        assert list((system.var_dir / "work").glob("source-*")) == []
