"""The last bytes of a request are written, digested and made durable in one go: what that means for the order of things."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pytest

from tests.factories import make_user
from tests.uploads.client import patch, request
from uploads.append import batch, checkpoints
from uploads.models import UploadSession
from uploads.services import commit
from uploads.services.create import Created, create_upload
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)
DATA = bytes(range(256)) * 40


@pytest.fixture
def created(settings: Any) -> Created:
    settings.UPLOAD_ACCEPT = "*"
    return create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")


def test_a_sync_that_failed_is_not_tried_again_and_nothing_is_acknowledged(created: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second fdatasync may say that all is well about bytes the kernel has thrown away."""
    path, calls = f"/files/{created.secret}", []

    def fails(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "the disk does not answer")

    async def go() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", fails)
            answer = await patch(path, 0, DATA)
        assert (answer.status, answer.problem["code"]) == (503, "UPLOAD_STORAGE_FAILED")
        assert len(calls) == 1
        told = await request("HEAD", path)
        assert (told.status, told.offset) == (200, 0)
        assert (await patch(path, 0, DATA)).status == 204
        assert (await request("GET", path)).body == DATA

    asyncio.run(go())


def test_the_last_bytes_are_synced_before_they_are_committed_and_only_once(created: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_sync, real_commit = os.fdatasync, commit.commit_offset

    def sync(descriptor: int) -> None:
        real_sync(descriptor)
        steps.append(f"synced {os.fstat(descriptor).st_size}")

    def committed(lease: Any, *, old: int, new: int, **options: Any) -> Any:
        steps.append(f"committed {new}")
        return real_commit(lease, old=old, new=new, **options)

    async def go() -> None:
        monkeypatch.setattr(os, "fdatasync", sync)
        monkeypatch.setattr(checkpoints, "commit_offset", committed)
        answer = await patch(f"/files/{created.secret}", 0, DATA)
        assert (answer.status, answer.offset) == (204, len(DATA))

    asyncio.run(go())
    assert steps == [f"synced {len(DATA)}", f"committed {len(DATA)}"]


def test_bytes_that_must_match_a_checksum_are_not_made_durable_before_they_do(created: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    saves: list[int] = []
    real = batch.saved

    def watched(appender: Any, size: int) -> batch.Saved:
        saves.append(size)
        return real(appender, size)

    async def go() -> None:
        monkeypatch.setattr(batch, "saved", watched)
        monkeypatch.setattr(checkpoints, "saved", watched)
        answer = await patch(f"/files/{created.secret}", 0, DATA, Upload_Checksum="sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        assert answer.status == 460

    asyncio.run(go())
    assert saves == []
    assert UploadSession.objects.get(pk=created.session.pk).committed == 0
    assert store().size(created.session.storage_key) == 0
