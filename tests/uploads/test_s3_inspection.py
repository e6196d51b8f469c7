"""Files in S3 are looked at by reads of a few bytes, then by a copy that lives no longer than the look."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resilience.circuits import CircuitOpen
from tests import media
from tests.factories import make_user
from tests.s3 import FakeS3
from uploads import tasks
from uploads.errors import StorageFull
from uploads.inspection.boxes import Walk, walk_boxes
from uploads.inspection.ranged import Ranged
from uploads.models import SessionState, UploadSession
from uploads.selectors import source_file
from uploads.services.create import create_upload
from uploads.services.inspect import inspect_upload
from uploads.store import StoreMissing, copies, store
from uploads.store.s3 import client

from .client import patch, request

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3")]
MIB = 2**20


@pytest.fixture(autouse=True)
def work_dir(settings: Any, tmp_path: Path) -> Path:
    settings.WORK_DIR = tmp_path / "work"
    return Path(settings.WORK_DIR)


def arrived(data: bytes, *, name: str = "clip.mp4") -> tuple[UploadSession, str]:
    created = create_upload(owner=make_user(), length=len(data), file_name=name, declared_type="")
    assert asyncio.run(patch(f"/files/{created.secret}", 0, data)).status == 204
    return UploadSession.objects.get(pk=created.session.pk), f"/files/{created.secret}"


def looked_at(session: UploadSession) -> UploadSession:
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    return session


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes each read of S3 brought."""
    real, seen = client.read, []

    def read(key: str, *, first: int, count: int) -> bytes:
        data = real(key, first=first, count=count)
        seen.append(len(data))
        return data

    monkeypatch.setattr(client, "read", read)
    return seen


def test_a_good_file_is_accepted_and_no_copy_stays(work_dir: Path) -> None:
    data = media.clip().read_bytes()
    session = looked_at(arrived(data)[0])
    assert (session.state, session.sha256) == (SessionState.ACCEPTED, hashlib.sha256(data).hexdigest())
    assert session.probe["video"]["width"] == 320
    assert list(work_dir.iterdir()) == []


def test_a_file_cut_short_is_refused_by_a_few_bytes_and_removed(s3: FakeS3, fetched: list[int]) -> None:
    data = media.clip(faststart=True).read_bytes()
    session, _path = arrived(data[:-1000])  # its last box says more than there is
    fetched.clear()
    assert looked_at(session).error_code == "UPLOAD_TRUNCATED"
    assert sum(fetched) <= 64 * 1024 + 2 * 4096
    assert s3.objects() == {}


def test_boxes_are_walked_by_small_reads() -> None:
    """A file of 4 GiB is judged by its headers; nobody fetches it."""
    size = 4 * 2**30
    headers = {0: (24, b"ftyp"), 24: (size - 24 - 500, b"mdat"), size - 500: (500, b"moov")}

    class Sparse:
        def read(self, *, first: int, count: int) -> bytes:
            data = bytearray(min(count, size - first))
            for at, (length, kind) in headers.items():
                if first <= at < first + len(data):
                    data[at - first : at - first + 8] = length.to_bytes(4, "big") + kind
            return bytes(data)

        def close(self) -> None:
            pass

    source = Ranged(Sparse(), size=size)
    assert walk_boxes(source, size=size) is Walk.WHOLE
    assert source.requests == 2, "the first two boxes lie in one read"


def test_no_room_for_a_copy_is_our_problem_not_the_files(monkeypatch: pytest.MonkeyPatch, work_dir: Path) -> None:
    session, _path = arrived(media.clip().read_bytes())
    real = shutil.disk_usage
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda folder: real(folder)._replace(free=10))
    with pytest.raises(StorageFull):
        inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert session.state == SessionState.RECEIVED
    assert list(work_dir.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_leaves_no_copy(monkeypatch: pytest.MonkeyPatch, work_dir: Path) -> None:
    session, _path = arrived(media.clip().read_bytes())

    def full(descriptor: int, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(copies, "_write", full)
    with pytest.raises(OSError, match="full"), source_file(session):
        pytest.fail("there was no room")
    assert list(work_dir.iterdir()) == []


def test_copies_of_the_dead_are_removed_and_those_in_use_are_not(work_dir: Path) -> None:
    session, _path = arrived(media.clip().read_bytes())
    with source_file(session) as living:
        dead = work_dir / "source-upl_gone-1"
        dead.write_bytes(b"left")
        for path in (living, dead):
            os.utime(path, (1, 1))
        assert copies.reap_copies(dry_run=True) == 1
        assert copies.reap_copies() == 1
        assert list(work_dir.iterdir()) == [living]
        descriptor = os.open(living, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    assert list(work_dir.iterdir()) == []


def test_a_stopped_run_stops_the_copy(work_dir: Path) -> None:
    session, _path = arrived(media.clip().read_bytes())
    inspect_upload(session.public_id, attempt=1, stopped=lambda: True)
    session.refresh_from_db()
    assert session.state == SessionState.RECEIVED
    assert list(work_dir.iterdir()) == []


def test_lost_bytes_make_it_corrupt(s3: FakeS3) -> None:
    session, path = arrived(media.clip().read_bytes())
    for name in s3.objects():
        s3.client.delete_object(Bucket=s3.bucket, Key=name)
    assert looked_at(session).state == SessionState.CORRUPT
    assert asyncio.run(request("HEAD", path)).status == 410


def test_while_s3_is_away_the_look_waits_without_spending_a_try(settings: Any) -> None:
    session, _path = arrived(media.clip().read_bytes())
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:1"

    class Context:
        attempt = 1
        lease_lost: Callable[[], bool] = staticmethod(lambda: False)

    with pytest.raises(CircuitOpen):
        tasks.inspect(Context(), session_id=session.public_id)
    session.refresh_from_db()
    assert session.state == SessionState.RECEIVED


def test_a_copy_is_never_shorter_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _path = arrived(media.clip().read_bytes())
    monkeypatch.setattr(client, "read", lambda key, *, first, count: b"short")
    with pytest.raises(StoreMissing), source_file(session):
        pytest.fail("it is not the file")
    assert store().size(session.storage_key) == session.length
