"""Uploads kept in S3, through the real ASGI application: parts, tails, resuming, refusals, and what is left in the bucket."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from tests.s3 import FakeS3
from uploads.models import RemoteFile, SessionState, UploadPart, UploadSession
from uploads.services.abort import abort_upload
from uploads.services.create import Created, create_upload
from uploads.services.expire import expire_uploads
from uploads.store import StoreMissing, store
from uploads.store.s3 import client

from .client import patch, patch_line, request, until, writers

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20


@pytest.fixture(autouse=True)
def _any_content(settings: Any, s3: FakeS3) -> None:
    settings.UPLOAD_ACCEPT = "*"


def begun(length: int, *, name: str = "film.mp4") -> tuple[Created, str]:
    owner, _made = User.objects.get_or_create(username="anna@example.org", email="anna@example.org")
    made = create_upload(owner=owner, length=length, file_name=name, declared_type="")
    return made, f"/files/{made.secret}"


def stored(created: Created) -> bytes:
    place = store()
    size = place.size(created.session.storage_key)
    return place.reader(created.session.storage_key).read(first=0, count=size)


def send(path: str, data: bytes, *, step: int, offset: int = 0) -> None:
    while offset < len(data):
        answer = asyncio.run(patch(path, offset, data[offset : offset + step]))
        assert answer.status == 204, answer
        offset = answer.offset


@pytest.mark.parametrize(("size", "step"), [(1, 1), (3 * MIB, MIB), (5 * MIB, 5 * MIB), (12 * MIB + 7, 2 * MIB + 1), (17 * MIB, 17 * MIB)])
def test_what_was_sent_is_what_is_read(size: int, step: int, s3: FakeS3) -> None:
    data = os.urandom(size)
    created, path = begun(size)
    send(path, data, step=step)
    session = UploadSession.objects.get(pk=created.session.pk)
    assert (session.state, session.committed) == (SessionState.RECEIVED, size)
    answer = asyncio.run(request("GET", path))
    assert (answer.status, hashlib.sha256(answer.body).digest()) == (200, hashlib.sha256(data).digest())
    assert list(s3.objects().values()) == [size], "one object, no tails"
    assert s3.multiparts() == []


def test_every_tail_has_a_key_of_its_own_and_the_one_before_goes_after_the_commit(s3: FakeS3) -> None:
    _created, path = begun(3 * MIB)
    seen: set[str] = set()
    for offset in range(0, 3):
        assert asyncio.run(patch(path, offset * MIB, os.urandom(MIB))).status == 204
        (name,) = s3.objects()
        assert name == RemoteFile.objects.get().tail_key
        assert name not in seen
        seen.add(name)


def test_parts_are_of_one_size_and_their_rows_say_where_they_are() -> None:
    created, path = begun(13 * MIB)
    asyncio.run(patch(path, 0, os.urandom(13 * MIB)))
    rows = list(UploadPart.objects.filter(session=created.session).order_by("number").values_list("number", "offset", "size"))
    assert rows == [(1, 0, 5 * MIB), (2, 5 * MIB, 5 * MIB)]
    assert all(part.etag == part.md5 for part in UploadPart.objects.all())
    assert RemoteFile.objects.get().tail_size == 3 * MIB


def test_a_dropped_line_keeps_what_arrived() -> None:
    data = os.urandom(7 * MIB)
    created, path = begun(len(data))

    async def drop() -> None:
        line = patch_line(path, 0, length=len(data))
        line.send(data[: 6 * MIB])
        await until(line.messages.empty)
        line.drop()
        await line.finish()

    asyncio.run(drop())
    assert asyncio.run(request("HEAD", path)).offset == 6 * MIB
    send(path, data, step=7 * MIB, offset=6 * MIB)
    assert stored(created) == data


def test_a_writer_that_is_overtaken_by_the_end_of_its_upload_leaves_nothing(s3: FakeS3) -> None:
    """It was canceled on another server, which emptied the upload's place; what is sent after that goes too."""
    created, path = begun(20 * MIB)

    async def overtaken() -> Any:
        line = patch_line(path, 0, length=20 * MIB)
        line.send(os.urandom(6 * MIB))
        await until(s3.multiparts)
        assert await asyncio.to_thread(in_another_process, abort_upload, created.session)
        assert s3.multiparts() == []
        line.send(os.urandom(MIB))
        line.drop()
        return await line.finish()

    asyncio.run(overtaken())
    assert s3.objects() == {}
    assert s3.multiparts() == []


def in_another_process(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    finally:
        connection.close()


def test_a_newer_request_takes_over_from_a_stalled_one() -> None:
    data = os.urandom(6 * MIB)
    created, path = begun(len(data))

    async def both() -> None:
        line = patch_line(path, 0, length=len(data))
        line.send(data[:MIB])
        await until(line.messages.empty)
        await writers(1)
        head = await request("HEAD", path)
        assert head.offset == MIB
        assert (await patch(path, MIB, data[MIB:])).status == 204
        await line.finish()

    asyncio.run(both())
    assert stored(created) == data


def test_a_writer_that_died_is_taken_over_from() -> None:
    """Its lease still runs; nobody answers the request to stop."""
    created, path = begun(4)
    UploadSession.objects.filter(pk=created.session.pk).update(lease_owner="gone:1", lease_expires_at="2100-01-01T00:00Z", epoch=5)
    assert asyncio.run(patch(path, 0, b"data")).status == 204
    assert stored(created) == b"data"


def test_lost_parts_are_told_never_a_smaller_offset(s3: FakeS3) -> None:
    created, path = begun(12 * MIB)
    asyncio.run(patch(path, 0, os.urandom(6 * MIB)))
    remote = RemoteFile.objects.get()
    s3.client.abort_multipart_upload(Bucket=s3.bucket, Key=f"uploads/{created.session.storage_key}/file", UploadId=remote.upload_id)
    answer = asyncio.run(patch(path, 6 * MIB, b"more"))
    assert (answer.status, answer.problem["code"]) == (410, "UPLOAD_CORRUPT")
    assert "upload-offset" not in answer.headers


def test_a_lost_tail_is_told(s3: FakeS3) -> None:
    _created, path = begun(12)
    asyncio.run(patch(path, 0, b"begin"))
    s3.client.delete_object(Bucket=s3.bucket, Key=RemoteFile.objects.get().tail_key)
    assert asyncio.run(patch(path, 5, b"more")).status == 410


def test_s3_away_is_503_and_the_prefix_stays(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(11 * MIB)
    created, path = begun(len(data))
    assert asyncio.run(patch(path, 0, data[: 6 * MIB])).status == 204
    url = settings.S3_ENDPOINT_URL
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:1"
    answer = asyncio.run(patch(path, 6 * MIB, data[6 * MIB :]))
    assert (answer.status, answer.problem["code"]) == (503, "UPLOAD_STORAGE_AWAY")
    assert int(answer.headers["retry-after"]) >= 1
    assert asyncio.run(request("HEAD", path)).offset == 6 * MIB
    settings.S3_ENDPOINT_URL = url
    send(path, data, step=5 * MIB, offset=6 * MIB)
    assert stored(created) == data


def test_nothing_is_left_after_a_cancel_and_after_the_time_is_over(s3: FakeS3) -> None:
    _created, path = begun(12 * MIB)
    asyncio.run(patch(path, 0, os.urandom(6 * MIB)))
    assert s3.multiparts()
    assert s3.objects()
    assert asyncio.run(request("DELETE", path)).status == 204
    assert (s3.multiparts(), s3.objects()) == ([], {})

    created, path = begun(12 * MIB)
    asyncio.run(patch(path, 0, os.urandom(6 * MIB)))
    UploadSession.objects.filter(pk=created.session.pk).update(expires_at="2000-01-01T00:00Z")
    assert expire_uploads() == 1
    assert (s3.multiparts(), s3.objects()) == ([], {})
    assert asyncio.run(request("HEAD", path)).status == 410


def test_a_refused_start_leaves_nothing(settings: Any, s3: FakeS3) -> None:
    settings.UPLOAD_ACCEPT = "media"
    _created, path = begun(12 * MIB)
    answer = asyncio.run(patch(path, 0, b"<html>" + b"text " * 20_000))
    assert answer.status == 415
    assert (s3.multiparts(), s3.objects()) == ([], {})


def test_the_disk_is_not_used(upload_dir: Path) -> None:
    created, path = begun(6 * MIB)
    data = os.urandom(6 * MIB)
    send(path, data, step=2 * MIB)
    assert stored(created) == data
    assert not upload_dir.exists()


def test_files_are_put_together_inside_s3() -> None:
    pieces = [os.urandom(6 * MIB), b"", os.urandom(3), os.urandom(21 * MIB)]
    keys = []
    for piece in pieces:
        created, path = begun(len(piece))
        send(path, piece, step=9 * MIB)
        keys.append(created.session.storage_key)
    target, _path = begun(sum(map(len, pieces)))
    for _again in range(2):
        assert store().concatenate([*keys, keys[2]], target.session.storage_key) == sum(map(len, pieces)) + 3
    name = RemoteFile.objects.get(session=target.session).object_key
    assert client.read(name, first=0, count=40 * MIB) == b"".join([*pieces, pieces[2]])
    small, _path = begun(9)
    assert store().concatenate([keys[2], keys[2]], small.session.storage_key) == 6
    with pytest.raises(StoreMissing):
        store().concatenate(["upl_nobody"], small.session.storage_key + "x")
