"""The power goes at every single step of an append: what the database holds is never more than what is on the disk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.factories import make_user
from tests.uploads.client import patch, request
from uploads.append import body, checkpoints, writer
from uploads.models import UploadSession
from uploads.services import commit
from uploads.services.create import create_upload
from uploads.store import store
from uploads.store.disk import DiskAppender, DiskStore

pytestmark = pytest.mark.django_db(transaction=True)

PART = 4000
DATA = bytes(range(256)) * 250


class PowerCut(Exception):
    pass


class Disk:
    """Counts the steps of an append and cuts the power at the N-th. After that nothing works any more, and what was not durable is gone."""

    def __init__(self, cut_at: int) -> None:
        self.step, self.cut_at = 0, cut_at

    def tick(self) -> None:
        self.step += 1
        if self.step >= self.cut_at:
            raise PowerCut


class VolatileAppender:
    """A real file behind a write cache that forgets."""

    def __init__(self, real: DiskAppender, disk: Disk) -> None:
        self.real, self.disk = real, disk
        self.cache: list[tuple[int, bytes]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def write(self, chunks: Sequence[bytes], *, offset: int) -> None:
        self.disk.tick()
        self.cache.append((offset, b"".join(chunks)))

    def save(self, size: int) -> None:
        self.sync()

    def sync(self) -> None:
        waiting, self.cache = self.cache, []
        self.disk.tick()
        for offset, data in waiting:
            self.real.write(data, offset=offset)
        self.disk.tick()


@pytest.fixture(autouse=True)
def small_steps(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOAD_ACCEPT = "*"
    settings.UPLOAD_CHECKPOINT_BYTES = 2 * PART
    monkeypatch.setattr(writer, "BATCH_BYTES", PART)
    monkeypatch.setattr(body, "AHEAD_BYTES", PART)


@pytest.mark.parametrize("cut_at", [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 21, 24])
def test_a_power_cut_leaves_no_promise_without_bytes(cut_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
    path, disk, real_open = f"/files/{created.secret}", Disk(cut_at), DiskStore.open

    def volatile(self: DiskStore, key: str) -> Any:
        return VolatileAppender(real_open(self, key), disk)

    def powered(*args: Any, **kwargs: Any) -> None:
        disk.tick()
        commit.commit_offset(*args, **kwargs)

    async def go() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(DiskStore, "open", volatile)
            patched.setattr(checkpoints, "commit_offset", powered)
            await patch(path, 0, [DATA[start : start + PART] for start in range(0, len(DATA), PART)])
        committed = (await writer.database(UploadSession.objects.get)).committed
        stored = store().path(created.session.storage_key).read_bytes()
        assert stored[:committed] == DATA[:committed]
        told = await request("HEAD", path)
        assert (told.status, told.offset) == (200, committed)
        if committed < len(DATA):
            assert (await patch(path, committed, DATA[committed:])).status == 204
        assert (await request("GET", path)).body == DATA

    asyncio.run(go())


def test_every_commit_is_of_bytes_that_were_synced_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a slow disk, so that writing, syncing and committing overlap."""
    created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
    durable: list[int] = [0]
    commits: list[tuple[int, int]] = []
    real_sync, real_commit = os.fdatasync, commit.commit_offset

    def slow_sync(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        time.sleep(0.02)
        real_sync(descriptor)
        durable.append(size)

    def watched(lease: Any, *, old: int, new: int, **options: Any) -> None:
        commits.append((new, max(durable)))
        real_commit(lease, old=old, new=new, **options)

    async def go() -> None:
        monkeypatch.setattr(os, "fdatasync", slow_sync)
        monkeypatch.setattr(checkpoints, "commit_offset", watched)
        answer = await patch(f"/files/{created.secret}", 0, [DATA[start : start + PART] for start in range(0, len(DATA), PART)])
        assert (answer.status, answer.offset) == (204, len(DATA))

    asyncio.run(go())
    assert len(commits) > 2
    assert all(new <= synced for new, synced in commits)
    assert [new for new, _ in commits] == sorted({new for new, _ in commits})
