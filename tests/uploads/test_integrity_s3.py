"""Uploads kept in S3 are held against what arrived, too: when they are inspected, and by the command."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from knox.models import AuthToken

from tests.factories import make_user
from tests.s3 import FakeS3
from uploads.errors import UploadCorrupt
from uploads.integrity.receipt import receipt_of
from uploads.models import RemoteFile, SessionState, UploadSession
from uploads.services.create import create_upload
from uploads.services.inspect import inspect_upload
from uploads.store import store
from uploads.store.s3 import rows, sums

from .client import patch, request
from .server import metadata

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20
Harm = Callable[[RemoteFile, str, FakeS3], None]


@pytest.fixture(autouse=True)
def _any_content(settings: Any, s3: FakeS3) -> None:
    settings.UPLOAD_ACCEPT = "*"


def arrived(length: int = 7 * MIB, *, send: int | None = None) -> UploadSession:
    created = create_upload(owner=make_user(), length=length, file_name="film.mp4", declared_type="")
    data = os.urandom(length if send is None else send)
    for start in range(0, len(data), 3 * MIB):
        assert asyncio.run(patch(f"/files/{created.secret}", start, data[start : start + 3 * MIB])).status == 204
    created.session.refresh_from_db()
    return created.session


def rot(session: UploadSession, fake: FakeS3) -> None:
    """Change the last byte of the one object that holds this file."""
    store().seal(session.storage_key)
    name = RemoteFile.objects.get(session=session).object_key
    body = bytearray(fake.body(name))
    body[-1] ^= 0x01
    fake.client.put_object(Bucket=fake.bucket, Key=name, Body=bytes(body))


def inspected(session: UploadSession) -> UploadSession:
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    return session


def verified() -> tuple[dict[str, Any], int]:
    out = StringIO()
    try:
        call_command("verify_uploads", json=True, stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def test_a_byte_that_changes_in_s3_before_the_inspection_is_found(s3: FakeS3) -> None:
    session = arrived()
    assert session.segments.count() == 3
    rot(session, s3)
    assert inspected(session).state == SessionState.CORRUPT


def test_the_command_reads_what_is_whole_and_compares_the_sums_of_what_is_not(s3: FakeS3) -> None:
    accepted, received, unfinished = inspected(arrived()), arrived(), arrived(send=6 * MIB)
    assert (accepted.state, received.state, unfinished.state) == (SessionState.ACCEPTED, SessionState.RECEIVED, SessionState.RECEIVING)
    report, code = verified()
    assert (code, report["uploads"], report["bytes"], report["unreadable"], report["unchained"]) == (0, 3, 14 * MIB, 1, 0)
    rot(accepted, s3)
    rot(received, s3)
    report, code = verified()
    assert code == 1
    assert found_in(report) == [(accepted.public_id, "changed", False), (received.public_id, "changed", True)]


def found_in(report: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(found["upload"], found["fault"], found["marked"]) for found in report["differences"]]


def harm_the_part(remote: RemoteFile, name: str, fake: FakeS3) -> None:
    fake.client.upload_part(Bucket=fake.bucket, Key=name, UploadId=remote.upload_id, PartNumber=1, Body=bytes(5 * MIB))


def lose_the_parts(remote: RemoteFile, name: str, fake: FakeS3) -> None:
    fake.client.abort_multipart_upload(Bucket=fake.bucket, Key=name, UploadId=remote.upload_id)


def harm_the_tail(remote: RemoteFile, name: str, fake: FakeS3) -> None:
    fake.client.put_object(Bucket=fake.bucket, Key=remote.tail_key, Body=bytes(remote.tail_size))


def lose_the_tail(remote: RemoteFile, name: str, fake: FakeS3) -> None:
    fake.client.delete_object(Bucket=fake.bucket, Key=remote.tail_key)


@pytest.mark.parametrize(
    ("harm", "fault", "start", "length"),
    [
        (harm_the_part, "changed", 0, 5 * MIB),
        (lose_the_parts, "missing", 0, 6 * MIB),
        (harm_the_tail, "changed", 5 * MIB, MIB),
        (lose_the_tail, "missing", 5 * MIB, MIB),
    ],
)
def test_what_happens_to_an_unfinished_file_is_found(s3: FakeS3, harm: Harm, fault: str, start: int, length: int) -> None:
    whole, unfinished = arrived(send=6 * MIB), arrived(send=6 * MIB)
    harm(RemoteFile.objects.get(session=unfinished), f"uploads/{unfinished.storage_key}/file", s3)
    report, code = verified()
    assert (code, found_in(report)) == (1, [(unfinished.public_id, fault, True)])
    assert [(found["start"], found["length"]) for found in report["differences"]] == [(start, length)]
    unfinished.refresh_from_db()
    whole.refresh_from_db()
    assert (unfinished.state, whole.state) == (SessionState.CORRUPT, SessionState.RECEIVING)


def test_a_writer_that_goes_on_meanwhile_is_no_loss(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tail that was looked for is replaced between the look at the rows and the look at S3."""
    created = create_upload(owner=make_user(), length=9 * MIB, file_name="film.mp4", declared_type="")
    path, data = f"/files/{created.secret}", os.urandom(9 * MIB)
    assert asyncio.run(patch(path, 0, data[: 2 * MIB])).status == 204
    real, seen = rows.layout_of, []

    def look(key: str) -> rows.Layout:
        layout = real(key)
        if not seen:
            seen.append(layout.tail.key)
            with monkeypatch.context() as calm:
                calm.setattr(rows, "layout_of", real)
                assert asyncio.run(patch(path, 2 * MIB, data[2 * MIB : 4 * MIB])).status == 204
        return layout

    monkeypatch.setattr(rows, "layout_of", look)
    assert sums.first_loss(created.session.storage_key) is None
    assert seen[0] not in s3.objects()


def joined(*sizes: int) -> tuple[UploadSession, bytes]:
    """A file put together from parts of these sizes, the first of them used twice."""
    key = {"Authorization": f"Token {AuthToken.objects.create(make_user())[1]}"}
    pieces, paths = [os.urandom(size) for size in sizes], []

    async def go() -> str:
        for piece in pieces:
            made = await request("POST", "/files/", Upload_Length=str(len(piece)), Upload_Concat="partial", **key)
            paths.append(made.headers["location"])
            assert (await patch(paths[-1], 0, piece)).status == 204
        final = "final;" + " ".join([*paths, paths[0]])
        made = await request("POST", "/files/", Upload_Concat=final, Upload_Metadata=metadata(filename="a.bin"), **key)
        assert made.status == 201
        return str(made.headers["holdfast-upload"])

    return UploadSession.objects.get(public_id=asyncio.run(go())), b"".join([*pieces, pieces[0]])


@pytest.mark.parametrize("sizes", [(3 * MIB, 7 * MIB), (10, 20)])
def test_a_joined_file_is_held_against_what_arrived_as_its_parts(s3: FakeS3, sizes: tuple[int, ...]) -> None:
    session, data = joined(*sizes)
    assert (session.state, session.segments.count()) == (SessionState.RECEIVED, 3)
    report, code = verified()
    assert (code, report["unchained"], report["bytes"]) == (0, 0, len(data) + sum(sizes)), "the parts are looked at, too"
    receipt = receipt_of(inspected(session))
    assert (receipt.size, receipt.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_joined_file_that_rots_is_found_before_and_after_it_is_accepted(s3: FakeS3) -> None:
    first, _data = joined(3 * MIB, 7 * MIB)
    second, _data = joined(3 * MIB, 7 * MIB)
    inspected(second)
    for session in (first, second):
        rot(session, s3)
    report, code = verified()
    assert (code, found_in(report)) == (1, [(first.public_id, "changed", True), (second.public_id, "changed", False)])
    first.refresh_from_db()
    with pytest.raises(UploadCorrupt):
        receipt_of(first)
