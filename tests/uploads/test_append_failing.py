"""Appends over a disk, a database or a writer that fails: no byte is acknowledged that could be lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.uploads.client import patch, path_of, request, row, run
from uploads.append import checkpoints
from uploads.models import SessionState, VideoState
from uploads.services import lease as leases
from uploads.services.commit import Fenced, commit_offset
from uploads.services.create import Created
from uploads.store import WriteFailed, store
from uploads.store.disk import DiskStore

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("accept_anything")]


def test_storage_shorter_than_promised_is_corrupt_and_no_smaller_offset_is_told(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        await patch(path_of(created), 0, b"hello")
        os.truncate(store().path(created.session.storage_key), 3)
        for answer in [await patch(path_of(created), 5, b"world"), await request("HEAD", path_of(created)), await patch(path_of(created), 3, b"lo")]:
            assert answer.status == 410
            assert "upload-offset" not in answer.headers

    run(go())
    assert row(created).state == SessionState.CORRUPT
    assert row(created).video.state == VideoState.NEEDS_NEW_FILE


def test_a_tail_nobody_was_told_about_is_dropped(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        await patch(path_of(created), 0, b"hello")
        with store().path(created.session.storage_key).open("ab") as stored:
            stored.write(b"tail of a dead writer")
        await patch(path_of(created), 5, b"world")
        assert (await request("GET", path_of(created))).body == b"helloworld"

    run(go())


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EFBIG, 507), (errno.EIO, 503)])
def test_a_full_or_failing_disk_keeps_the_prefix_and_the_upload_open(
    upload: Callable[..., Created], monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    created = upload(10)
    real = os.pwrite

    def short(descriptor: int, data: memoryview, offset: int) -> int:
        if offset >= 4:
            raise OSError(number, "no")
        return real(descriptor, data[: 4 - offset], offset)

    async def go() -> None:
        monkeypatch.setattr(os, "pwrite", short)
        answer = await patch(path_of(created), 0, b"hello")
        assert answer.status == status
        assert "retry-after" in answer.headers
        monkeypatch.setattr(os, "pwrite", real)
        assert (await request("HEAD", path_of(created))).offset == 4
        assert (await patch(path_of(created), 4, b"oworld")).status == 204

    run(go())


def test_bytes_that_could_not_be_made_durable_are_never_committed(upload: Callable[..., Created], monkeypatch: pytest.MonkeyPatch) -> None:
    created = upload(10)

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "no")

    async def go() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", fail)
            assert (await patch(path_of(created), 0, b"hello")).status == 503
        assert (await request("HEAD", path_of(created))).offset == 0

    run(go())


def test_a_commit_waits_for_a_database_that_is_away(upload: Callable[..., Created], monkeypatch: pytest.MonkeyPatch) -> None:
    created = upload(10)
    calls: list[int] = []

    def flaky(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("the server is gone")
        commit_offset(*args, **kwargs)

    async def go() -> None:
        monkeypatch.setattr(checkpoints, "commit_offset", flaky)
        assert (await patch(path_of(created), 0, b"hello")).status == 204

    run(go())
    assert len(calls) == 3
    assert row(created).committed == 5


def test_a_database_that_stays_away_acknowledges_nothing(upload: Callable[..., Created], monkeypatch: pytest.MonkeyPatch) -> None:
    created = upload(10)

    def gone(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the server is gone")

    async def go() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "commit_offset", gone)
            patched.setattr(checkpoints, "DATABASE_PATIENCE_SECONDS", 0.3)
            answer = await patch(path_of(created), 0, b"hello")
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert (await request("HEAD", path_of(created))).offset == 0
        assert (await patch(path_of(created), 0, b"hello")).offset == 5

    run(go())


def test_an_answer_lost_after_the_commit_is_found_out_by_asking_again(upload: Callable[..., Created]) -> None:
    created = upload(10)
    lease = leases.take_lease(created.session.pk)
    assert lease is not None
    for _ in range(2):
        commit_offset(lease, old=0, new=5, last=False)
    for _ in range(2):
        commit_offset(lease, old=5, new=10, last=True)
    with pytest.raises(Fenced):
        commit_offset(lease, old=3, new=7, last=False)
    assert row(created).committed == 10


def test_a_fenced_writer_cannot_finish_the_file(upload: Callable[..., Created]) -> None:
    created = upload(10)
    old, new = leases.take_lease(created.session.pk), leases.take_lease(created.session.pk)
    assert old is not None
    assert new is not None
    with pytest.raises(Fenced):
        commit_offset(old, old=0, new=10, last=True)
    assert row(created).state == SessionState.RECEIVING


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = DiskStore(tmp_path / "store")
    place.create("upl_short_writes")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:2], offset))
    appender = place.open("upl_short_writes")
    appender.write(b"helloworld", offset=0)
    appender.close()
    assert place.path("upl_short_writes").read_bytes() == b"helloworld"


def test_a_failed_write_says_how_much_arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = DiskStore(tmp_path / "store")
    place.create("upl_full_disk")
    real = os.pwrite

    def full(descriptor: int, data: memoryview, offset: int) -> int:
        if offset:
            raise OSError(errno.ENOSPC, "no")
        return real(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", full)
    appender = place.open("upl_full_disk")
    with pytest.raises(WriteFailed) as failed:
        appender.write(b"hello", offset=0)
    assert (failed.value.written, failed.value.full) == (3, True)
    appender.close()
