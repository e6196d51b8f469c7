"""Interrupted, doubled, stalled and failing appends: what was acknowledged stays, and the offset told is always right."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.factories import make_user
from tests.uploads.client import arrived, patch, patch_line, request, until
from uploads.append import active, checkpoints, writer
from uploads.append.active import Stop
from uploads.models import SessionState, UploadSession, VideoState
from uploads.services import lease as leases
from uploads.services.commit import Fenced, commit_offset
from uploads.services.create import Created, create_upload
from uploads.store import WriteFailed, store
from uploads.store.disk import DiskStore

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 2**20


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def upload() -> Callable[..., Created]:
    def make(length: int = 10, *, name: str = "file.bin") -> Created:
        return create_upload(owner=make_user(), length=length, file_name=name, declared_type="")

    return make


def path_of(created: Created) -> str:
    return f"/files/{created.secret}"


def run(test: Awaitable[None]) -> None:
    async def inner() -> None:
        await test

    asyncio.run(inner())


def row(created: Created) -> UploadSession:
    return UploadSession.objects.get(pk=created.session.pk)


async def committed(created: Created, offset: int) -> None:
    deadline = asyncio.get_running_loop().time() + 60
    while (await writer.database(row, created)).committed < offset:
        assert asyncio.get_running_loop().time() < deadline, "it was not committed"
        await asyncio.sleep(0.01)


def test_a_dropped_patch_keeps_what_arrived(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=10)
        line.send(b"hello")
        await arrived(created.session, 5)
        line.drop()
        await line.finish()
        assert (await request("HEAD", path_of(created))).offset == 5
        assert (await patch(path_of(created), 5, b"world")).status == 204

    run(go())
    assert row(created).state == SessionState.RECEIVED
    assert row(created).resumes == 1


def test_a_server_that_cancels_the_request_after_a_hang_up_still_commits_the_prefix(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=10)
        line.send(b"hello")
        await arrived(created.session, 5)
        assert line.task is not None
        line.drop()
        line.task.cancel()
        await until(lambda: not active.is_active(created.session.pk))

    run(go())
    assert row(created).committed == 5


def test_a_silent_client_is_cut_off_and_its_prefix_kept(upload: Callable[..., Created], settings: Any) -> None:
    settings.UPLOAD_READ_TIMEOUT_SECONDS = 0.3
    created = upload(10)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=10)
        line.send(b"hel")
        answer = await line.finish()
        assert (answer.status, answer.problem["code"]) == (408, "UPLOAD_STALLED")

    run(go())
    assert row(created).committed == 3
    assert row(created).lease_owner == ""


def test_a_slow_client_is_committed_every_few_seconds_while_it_sends(upload: Callable[..., Created], settings: Any) -> None:
    settings.UPLOAD_CHECKPOINT_SECONDS = 0.1
    created = upload(100)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=100)
        for count in range(1, 5):
            line.send(b"x")
            await committed(created, count)
        line.drop()
        await line.finish()

    run(go())


def test_head_stops_a_stalled_writer_and_the_offset_it_tells_is_accepted(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        stalled = patch_line(path_of(created), 0, length=10)
        stalled.send(b"hello")
        await arrived(created.session, 5)
        told = await request("HEAD", path_of(created))
        assert told.offset == 5
        assert (await patch(path_of(created), told.offset, b"world")).offset == 10
        stalled.drop()
        assert (await stalled.finish()).status == 409

    run(go())


def test_a_second_patch_takes_over_from_a_stalled_one(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        stalled = patch_line(path_of(created), 0, length=10)
        stalled.send(b"hello")
        await arrived(created.session, 5)
        refused = await patch(path_of(created), 0, b"HELLO")
        assert (refused.status, refused.offset) == (409, 5)
        assert (await patch(path_of(created), 5, b"world")).status == 204
        stalled.drop()
        answer = await stalled.finish()
        assert (answer.status, answer.problem["code"]) == (409, "UPLOAD_TAKEN_OVER")
        assert (await request("GET", path_of(created))).body == b"helloworld"

    run(go())


def test_many_writers_at_once_leave_one_right_file(upload: Callable[..., Created]) -> None:
    data = os.urandom(400_000)
    created = upload(len(data))

    async def one(number: int) -> None:
        for _ in range(200):
            told = await request("HEAD", path_of(created))
            if told.offset == len(data):
                return
            part = data[told.offset : told.offset + 50_000 + number]
            answer = await patch(path_of(created), told.offset, part)
            assert answer.status in (204, 409, 423), answer
        raise AssertionError("it never got through")

    async def go() -> None:
        await asyncio.gather(*(one(number) for number in range(4)))
        assert (await request("GET", path_of(created))).body == data

    run(go())


def test_a_writer_of_another_process_that_does_not_stop_makes_the_next_one_wait_and_then_try_again(
    upload: Callable[..., Created], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active, "HAND_OVER_SECONDS", 0.2)
    created = upload(10)
    held = store().open(created.session.storage_key)
    lease = leases.take_lease(created.session.pk)

    async def go() -> None:
        answer = await patch(path_of(created), 0, b"hello")
        assert (answer.status, answer.headers["retry-after"]) == (423, "1")
        told = await request("HEAD", path_of(created))
        assert (told.status, told.offset) == (200, 0)

    run(go())
    assert lease is not None
    assert row(created).stop_epoch == lease.epoch
    with pytest.raises(Fenced):  # the HEAD told an offset: nothing may move it now but a new lease
        commit_offset(lease, old=0, new=5, last=True)
    held.close()


def test_a_writer_asked_by_another_process_saves_and_stops(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=10)
        line.send(b"hello")
        await arrived(created.session, 5)
        await writer.database(leases.ask_to_stop, created.session.pk)
        await until(lambda: not active.is_active(created.session.pk))
        line.drop()
        assert (await line.finish()).problem["code"] == "UPLOAD_TAKEN_OVER"

    run(go())
    assert row(created).committed == 5


def test_a_shutdown_commits_the_prefix_and_says_come_back(upload: Callable[..., Created]) -> None:
    created = upload(10)

    async def go() -> None:
        line = patch_line(path_of(created), 0, length=10)
        line.send(b"hello")
        await arrived(created.session, 5)
        active.stop_all(Stop.DRAINING)
        await until(lambda: line.answer.status)
        line.drop()
        answer = await line.finish()
        assert (answer.status, "retry-after" in answer.headers) == (503, True)

    run(go())
    assert row(created).committed == 5


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
