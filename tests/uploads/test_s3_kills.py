"""Kill the writer between any two steps of an upload to S3, go on as another process would, and compare every byte."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import make_user
from tests.s3 import KEYS, FakeS3, running
from uploads.models import RemoteFile, UploadSession
from uploads.services.create import create_upload
from uploads.store import store
from uploads.store.s3 import reap, whole

from .client import patch, request
from .s3_steps import Killed, life

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20
STRIDE = int(os.environ.get("S3_KILL_STRIDE", "4"))  # 1 dies at every step there is, more at every so-manieth
DATA = os.urandom(3 * MIB + 77)
CUTS = (MIB // 2, 2 * MIB + 5, len(DATA))  # a tail only; the tail becomes part of a part; parts and a tail


@pytest.fixture(scope="module")
def small_parts() -> Iterator[FakeS3]:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as fake:
        yield fake


@pytest.fixture(autouse=True)
def kept_there(small_parts: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    small_parts.empty()
    settings.UPLOAD_ACCEPT = "*"
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL, settings.S3_PART_SIZE = "s3", small_parts.bucket, small_parts.url, MIB


async def upload(path: str, told: list[int]) -> None:
    """Send everything from where the server says, noting every offset it acknowledges."""
    head = await request("HEAD", path)
    assert head.status == 200, head
    told.append(head.offset)
    while told[-1] < len(DATA):
        end = next(cut for cut in CUTS if cut > told[-1])
        answer = await patch(path, told[-1], DATA[told[-1] : end])
        assert answer.status == 204, answer
        told.append(answer.offset)


def read_whole(key: str) -> bytes:
    return store().reader(key).read(first=0, count=len(DATA) + 1)


def one_life(path: str, key: str, told: list[int]) -> None:
    asyncio.run(upload(path, told))
    assert read_whole(key) == DATA


def test_killed_between_any_two_steps(small_parts: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """One upload for each step there is. After the kill: nothing acknowledged is lost, no offset went back, and the file is the file."""
    seen, fatal = [], random.randrange(STRIDE) + 1 - STRIDE
    while True:
        fatal += STRIDE
        created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
        path, key = f"/files/{created.secret}", created.session.storage_key
        told = [0]
        with life(monkeypatch, fatal) as lived:
            try:
                one_life(path, key, told)
            except Killed:
                pass
            else:
                assert not lived.over, f"{lived.at} was survived"
                break
        before = list(told)
        UploadSession.objects.filter(pk=created.session.pk).exclude(lease_owner="").update(lease_expires_at="2000-01-01T00:00Z")
        one_life(path, key, told)
        assert told == sorted(told), f"an offset went back after {lived.at}"
        assert told[len(before)] >= before[-1], f"acknowledged bytes were lost after {lived.at}"
        seen.append(lived.at)
    assert len(seen) > 60 // STRIDE
    if STRIDE == 1:
        assert {"after commit_offset", "after call complete_multipart_upload", "after call put_object", "before call delete_object"} <= set(seen)
    # Whatever the dead left behind is found, and nothing else.
    reap.reap_leftovers(age_seconds=-5)
    assert sorted(small_parts.objects()) == sorted(RemoteFile.objects.values_list("object_key", flat=True))
    assert small_parts.multiparts() == []
    for key in UploadSession.objects.values_list("storage_key", flat=True):
        assert read_whole(key) == DATA


def test_a_fenced_writer_overwrites_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer sleeps with a part in hand; another one goes on and finishes; then the first wakes up and sends its part."""
    created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
    path, key = f"/files/{created.secret}", created.session.storage_key
    asyncio.run(patch(path, 0, DATA[: CUTS[1]]))
    sleeper = store().open(key)
    assert sleeper.size() == CUTS[1]
    told = [0]
    asyncio.run(upload(path, told))
    sleeper.write(os.urandom(MIB), offset=CUTS[1])
    sleeper.save(CUTS[1] + MIB)
    assert read_whole(key) == DATA


def test_a_lost_answer_to_the_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
    asyncio.run(upload(f"/files/{created.secret}", [0]))
    key, real = created.session.storage_key, whole._complete

    def lost(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(whole, "_complete", lost)
        with pytest.raises(Killed):
            store().seal(key)
    store().seal(key)
    assert read_whole(key) == DATA


def test_a_reaper_never_takes_what_counts(small_parts: FakeS3) -> None:
    """Neither a tail nor a multipart upload that a row names, whatever their age."""
    created = create_upload(owner=make_user(), length=len(DATA), file_name="a.bin", declared_type="")
    path = f"/files/{created.secret}"
    asyncio.run(patch(path, 0, DATA[: CUTS[1]]))
    folder = f"uploads/{created.session.storage_key}/"
    small_parts.client.put_object(Bucket=small_parts.bucket, Key=f"{folder}tail-stray", Body=b"stray")
    small_parts.client.create_multipart_upload(Bucket=small_parts.bucket, Key=f"{folder}file")
    small_parts.client.put_object(Bucket=small_parts.bucket, Key="uploads/upl_nobody/tail-1", Body=b"gone")
    assert reap.reap_leftovers(dry_run=True, age_seconds=-5) == 2
    assert reap.reap_leftovers(age_seconds=-5) == 2
    assert small_parts.multiparts() == [RemoteFile.objects.get().upload_id]
    told = [0]
    asyncio.run(upload(path, told))
    assert read_whole(created.session.storage_key) == DATA
    assert set(store().keys(older_than_seconds=-5)) == {created.session.storage_key, "upl_nobody"}
