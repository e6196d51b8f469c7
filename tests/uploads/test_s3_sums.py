"""What S3's own sums prove: after a lost answer, of parts sent straight to S3, and where they prove nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.api.server import token_of
from tests.factories import make_user
from tests.s3 import FakeS3
from uploads.integrity.compare import Compared, compare
from uploads.integrity.sums import SumComparison
from uploads.models import RemoteFile, SessionState, UploadSession
from uploads.services.create import create_upload
from uploads.services.inspect import inspect_upload
from uploads.store import StoreMissing, Sum, store
from uploads.store.s3 import client, sums
from uploads.store.s3.rows import Part

from .client import patch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3")]
MIB = 2**20
PART = 5 * MIB
API = "/api/v1/s3/multipart"


@pytest.fixture(autouse=True)
def anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


def through_us(data: bytes) -> UploadSession:
    created = create_upload(owner=make_user(), length=len(data), file_name="film.mp4", declared_type="")
    assert asyncio.run(patch(f"/files/{created.secret}", 0, data)).status == 204
    return UploadSession.objects.get(pk=created.session.pk)


def straight_to_s3(data: bytes) -> UploadSession:
    owner: User = make_user()
    api = APIClient(headers={"Authorization": f"Token {token_of(owner)}"})
    upload = api.post(API, {"filename": "film.mp4", "metadata": {"size": len(data)}}, format="json").json()["uploadId"]
    for number, first in enumerate(range(0, len(data), PART), 1):
        url = api.get(f"{API}/{upload}/{number}").json()["url"]
        assert requests.put(url, data=data[first : first + PART], timeout=30).status_code == 200
    assert api.post(f"{API}/{upload}/complete", {}, format="json").status_code == 200
    return UploadSession.objects.get(public_id=upload)


def lose_the_answer(session: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 completes, and whoever asked it to dies."""
    real = client.call

    def lost(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = real(operation, **arguments)
        if operation == "complete_multipart_upload":
            raise InterruptedError
        return answer

    with monkeypatch.context() as broken:
        broken.setattr(client, "call", lost)
        with pytest.raises(InterruptedError):
            store().seal(session.storage_key)


def put_another(session: UploadSession, fake: FakeS3, *pieces: bytes) -> None:
    """The object of this upload is made of other parts, as nothing of ours would do."""
    where = {"Bucket": fake.bucket, "Key": f"uploads/{session.storage_key}/file"}
    upload_id = fake.client.create_multipart_upload(**where)["UploadId"]
    made = [fake.client.upload_part(**where, UploadId=upload_id, PartNumber=number, Body=piece) for number, piece in enumerate(pieces, 1)]
    parts = [{"PartNumber": number, "ETag": answer["ETag"]} for number, answer in enumerate(made, 1)]
    fake.client.complete_multipart_upload(**where, UploadId=upload_id, MultipartUpload={"Parts": parts})


DATA = os.urandom(2 * PART + 77)
WAYS = pytest.mark.parametrize("sent", [through_us, straight_to_s3])


@WAYS
def test_after_a_lost_answer_the_object_proves_itself(sent: Callable[[bytes], UploadSession], monkeypatch: pytest.MonkeyPatch) -> None:
    session = sent(DATA)
    lose_the_answer(session, monkeypatch)
    store().seal(session.storage_key)
    assert store().reader(session.storage_key).read(first=0, count=len(DATA) + 1) == DATA


@WAYS
@pytest.mark.parametrize("pieces", [(DATA[:PART], DATA[PART:]), (DATA[:PART], DATA[PART : 2 * PART], bytes(77))])
def test_after_a_lost_answer_another_object_of_that_size_is_told_apart(
    s3: FakeS3,
    sent: Callable[[bytes], UploadSession],
    pieces: tuple[bytes, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = sent(DATA)
    lose_the_answer(session, monkeypatch)
    put_another(session, s3, *pieces)
    with pytest.raises(StoreMissing):
        store().seal(session.storage_key)
    assert RemoteFile.objects.get(session=session).object_key == "", "it counts for nothing"
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert session.state == SessionState.CORRUPT


def test_a_part_sent_again_with_the_same_bytes_may_have_another_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where S3 encrypts with keys of its own, an ETag is no sum: two that put a file together at once must not take each other's for a loss."""
    session, real, asked = through_us(DATA), client.call, []

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        asked.append(operation)
        answer = real(operation, **arguments)
        if operation == "upload_part" and arguments["PartNumber"] == 10_000:
            return answer | {"ETag": '"0123456789abcdef0123456789abcdef"'}  # the other one's came behind it
        return answer

    with monkeypatch.context() as encrypted:
        encrypted.setattr(client, "call", call)
        store().seal(session.storage_key)
    assert asked.count("complete_multipart_upload") == 2
    assert store().reader(session.storage_key).read(first=0, count=len(DATA) + 1) == DATA


def test_a_tail_that_changed_is_never_made_part_of_the_file(s3: FakeS3) -> None:
    for data in (DATA, DATA[:MIB]):
        session = through_us(data)
        remote = RemoteFile.objects.get(session=session)
        s3.client.put_object(Bucket=s3.bucket, Key=remote.tail_key, Body=bytes(remote.tail_size))
        with pytest.raises(StoreMissing):
            store().seal(session.storage_key)


def compared(session: UploadSession) -> Compared:
    place = store()
    size = session.length or 0

    def blocks() -> Iterator[bytes]:
        reader = place.reader(session.storage_key)
        for first in range(0, size, 3 * MIB):
            yield reader.read(first=first, count=3 * MIB)

    place.seal(session.storage_key)
    return compare(session, blocks())


def test_what_went_straight_to_s3_is_held_against_the_sums_s3_made(s3: FakeS3) -> None:
    session = straight_to_s3(DATA)
    found = compared(session)
    assert (found.damage, found.covered) == (None, len(DATA))
    body = bytearray(DATA)
    body[-1] ^= 1
    s3.client.put_object(Bucket=s3.bucket, Key=RemoteFile.objects.get(session=session).object_key, Body=bytes(body))
    damage = compared(session).damage
    assert damage is not None
    assert (damage.start, damage.length) == (2 * PART, 77)
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert session.state == SessionState.CORRUPT


@pytest.mark.parametrize("encryption", [{"ServerSideEncryption": "aws:kms"}, {"SSECustomerAlgorithm": "AES256"}])
def test_etags_that_are_no_sums_accuse_nobody(encryption: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    session, real = straight_to_s3(DATA), client.call

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = real(operation, **arguments)
        if operation == "head_object":
            return answer | encryption | {"ETag": f'"{"0" * 32}-3"'}
        return answer

    monkeypatch.setattr(client, "call", call)
    found = compared(session)
    assert (found.damage, found.covered) == (None, 0)


def test_the_etag_of_an_object_made_of_parts() -> None:
    parts = [Part(1, 0, 1, sums.md5_of(b"a"), sums.md5_of(b"a")), Part(2, 1, 1, sums.md5_of(b"b"))]
    assert sums.joined_etag(parts) == "96e024ba2074fe77e8e965ba43a704be-2"
    assert sums.joined_etag([*parts, Part(3, 2, 1, "opaque")]) == ""
    assert sums.joined_etag([*parts, Part(3, 2, 1, sums.md5_of(b"c"), sums.md5_of(b"d"))]) == "", "its ETag is no MD5"
    assert sums.joined_etag([]) == ""


def test_stretches_without_a_sum_are_passed_over() -> None:
    data = os.urandom(1000)
    known = [Sum(100, 50, sums.md5_of(data[100:150])), Sum(400, 600, sums.md5_of(data[400:]))]
    for step in (1, 7, 100, 1000):
        for cut, damage in ((1000, None), (999, "missing")):
            comparison = SumComparison(known)
            for first in range(0, cut, step):
                comparison.update(data[first : min(cut, first + step)])
            found = comparison.finish()
            assert (found and found.fault.value) == damage
            assert comparison.covered == (650 if damage is None else 50)
