"""Interrupted, doubled, stalled and failing appends: what was acknowledged stays, and the offset told is always right."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.uploads.client import arrived, patch, patch_line, path_of, request, row, run, until
from uploads.append import active, writer
from uploads.append.active import Stop
from uploads.models import SessionState
from uploads.services import lease as leases
from uploads.services.commit import Fenced, commit_offset
from uploads.services.create import Created
from uploads.store import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("accept_anything")]

MIB = 2**20


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
