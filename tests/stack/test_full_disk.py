"""The disk fills up under a whole system, really: new uploads are told to come later, what began is kept and ends by itself once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import media
from tests.stack.client import Upload, sha256
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.stack
MIB = 2**20
DISK = 64 * MIB


class FullDisk(System):
    """A system whose VAR_DIR lies on a disk of its own: uploads, working files, renditions, logs and figures. Only PostgreSQL lies elsewhere."""

    def __init__(self) -> None:
        super().__init__(MONITOR_SECONDS="1")
        self.var_dir.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.var_dir)], capture_output=True, check=False)
        if mounted.returncode:
            self.var_dir.rmdir()
            self.folder.rmdir()
            pytest.skip("Nothing may be mounted here. tests/uploads/test_limits_room.py fills a disk with a limit of the kernel.")

    def __exit__(self, *exception: object) -> None:
        try:
            super().__exit__(*exception)
        finally:
            subprocess.run(["umount", "--lazy", str(self.var_dir)], check=True)
            self.var_dir.rmdir()
            self.folder.rmdir()

    @property
    def ballast(self) -> Path:
        return self.var_dir / "ballast"

    def fill(self, *, leave: int) -> None:
        """Fill the disk but for so many bytes."""
        with self.ballast.open("ab", buffering=0) as file:
            while (free := self.free()) > leave:
                file.write(bytes(min(MIB, free - leave)))

    def free(self) -> int:
        disk = os.statvfs(self.var_dir)
        return disk.f_bavail * disk.f_frsize


@pytest.fixture
def system() -> Iterator[FullDisk]:
    with FullDisk() as running:
        yield running


def test_a_full_disk_stops_new_uploads_only_and_everything_goes_on_by_itself_when_there_is_room(system: FullDisk, tmp_path: Path) -> None:
    film = media.padded(media.clip(), tmp_path / "film.mp4", size=4 * MIB)
    started, waiting, late = (Upload(system.url, system.token, film, name=f"{name}.mp4", chunk=MIB) for name in ("started", "waiting", "late"))
    for upload in (started, waiting):
        assert upload.create().status_code == 201
    started._patch(0)
    whole = waiting.path.read_bytes()
    for offset in range(0, 4 * MIB - MIB, MIB):
        waiting._patch(offset)

    # Nearly full: what began goes on as far as it fits, and nothing is converted.
    system.fill(leave=MIB + MIB // 2)
    refused = late.create()
    assert (refused.status_code, refused.json()["code"]) == (507, "UPLOAD_STORAGE_FULL")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    waiting._patch(3 * MIB)
    wait_for(lambda: rests(system, waiting.video), seconds=60, what="the conversion waits for room")
    assert system.query("SELECT count(*) FROM processing_attempt a JOIN processing_job j ON j.id = a.job_id WHERE a.state IN ('failed', 'lost')") == [(0,)]
    ready = requests.get(f"{system.url}/readyz", timeout=60)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")

    # Full to the last byte: the prefix is kept, whatever is tried.
    system.fill(leave=0)
    with pytest.raises(requests.HTTPError) as full:
        started._patch(started.offset())
    assert (full.value.response.status_code, full.value.response.json()["code"]) == (507, "UPLOAD_STORAGE_FULL")
    assert MIB <= started.offset() < 4 * MIB
    assert late.create().status_code == 507

    # Somebody makes room, and nobody does anything else.
    system.ballast.unlink()
    started.send(seconds=60)
    assert started.never_went_back()
    assert wait_for(lambda: late.create().status_code == 201, seconds=60, what="a new upload is let in")
    late.send(seconds=60)
    for upload in (waiting, started, late):
        system.wait_for_state(upload.video, "ready", seconds=120)
        assert sha256(stored(system, upload)) == sha256(upload.path)
    assert requests.get(started.url, timeout=60).content == whole
    assert system.query("SELECT count(*) FROM resilience_task WHERE state = 'dead'") == [(0,)]
    wait_for(lambda: requests.get(f"{system.url}/readyz", timeout=60).json()["status"] == "ok", seconds=60, what="all is well again")


def rests(system: FullDisk, video: str) -> bool:
    """Whether the video's conversion has been looked at and waits, no try spent."""
    tasks = system.query(
        "SELECT t.state, t.snoozed_since IS NOT NULL FROM resilience_task t JOIN processing_job j ON t.payload->>'job_id' = j.public_id"
        " JOIN uploads_video v ON v.id = j.video_id WHERE v.public_id = %s AND t.state NOT IN ('succeeded')",
        video,
    )
    return bool(tasks) and all(state == "retry_wait" and snoozed for state, snoozed in tasks)


def stored(system: FullDisk, upload: Upload) -> Path:
    [(key,)] = system.query("SELECT s.storage_key FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s", upload.video)
    return system.var_dir / "uploads" / str(key)
