"""Direct uploads against moto's S3 over HTTP: parts go to presigned addresses by a plain client, and only S3's list of them counts."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone
from moto.server import ThreadedMotoServer
from rest_framework.test import APIClient

from resilience.models import Task
from tests.api.server import token_of
from tests.factories import make_user
from uploads.direct import bucket, count
from uploads.direct.count import count_parts
from uploads.models import DirectUpload, SessionState, UploadPart, UploadSession, Video, VideoState
from uploads.services.expire import expire_uploads
from uploads.store.s3 import client as s3
from uploads.store.s3 import names, whole

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20
PART = 5 * MIB
API = "/api/v1/s3/multipart"
BUCKET = "direct"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def storage(moto: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket in use; returns boto3's own client, the test's second pair of eyes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL = "s3", BUCKET, moto
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    eyes = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    eyes.create_bucket(Bucket=BUCKET)
    return eyes


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def api(owner: User) -> APIClient:
    return APIClient(headers={"Authorization": f"Token {token_of(owner)}"})


def begin(api: APIClient, size: int | None, *, name: str = "film.mp4", **metadata: Any) -> dict[str, Any]:
    told = metadata if size is None else metadata | {"size": size}
    answer = api.post(API, {"filename": name, "type": "video/mp4", "metadata": told}, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def put(api: APIClient, upload: str, number: int, data: bytes) -> requests.Response:
    signed = api.get(f"{API}/{upload}/{number}?key=whatever")
    assert signed.status_code == 200, signed.content
    return requests.put(signed.json()["url"], data=data, timeout=30)


def complete(api: APIClient, upload: str, parts: list[dict[str, Any]]) -> Any:
    return api.post(f"{API}/{upload}/complete?key=whatever", {"parts": parts}, format="json")


def session_of(upload: str) -> UploadSession:
    return UploadSession.objects.get(public_id=upload)


def multiparts(storage: Any) -> list[Any]:
    return list(storage.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def objects(storage: Any) -> list[str]:
    return [item["Key"] for item in storage.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def code_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    return str(answer.json()["code"])


def test_parts_go_to_s3_and_the_file_is_handed_over(api: APIClient, storage: Any) -> None:
    data = os.urandom(2 * PART + 77)
    begun = begin(api, len(data))
    upload = begun["uploadId"]
    pieces = [data[:PART], data[PART : 2 * PART], data[2 * PART :]]
    etags = [put(api, upload, number, piece).headers["ETag"] for number, piece in enumerate(pieces, 1)]
    listed = api.get(f"{API}/{upload}?key=whatever").json()
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in listed] == [
        (number, len(piece), etag) for number, (piece, etag) in enumerate(zip(pieces, etags, strict=True), 1)
    ]
    answer = complete(api, upload, [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)])
    assert answer.status_code == 200, answer.content
    session = session_of(upload)
    assert answer.json()["location"].endswith(f"/videos/{session.its_video.public_id}/")
    assert (session.state, session.committed, session.length) == (SessionState.RECEIVED, len(data), len(data))
    assert session.its_video.state == VideoState.CHECKING
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1
    name, size = whole.seal(session.storage_key)
    assert size == len(data)
    assert storage.get_object(Bucket=BUCKET, Key=name)["Body"].read() == data

    again = complete(api, upload, [])
    assert (again.status_code, again.json()) == (200, answer.json())
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1


def test_many_parts_are_listed_page_by_page(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "_PAGE", 2)
    upload = begin(api, 5 * PART)["uploadId"]
    for number in range(1, 6):
        put(api, upload, number, bytes(PART))
    assert [part["PartNumber"] for part in api.get(f"{API}/{upload}").json()] == [1, 2, 3, 4, 5]
    assert count_parts(session_of(upload)).state == SessionState.RECEIVED


def test_the_offset_is_what_s3_has_without_a_gap(api: APIClient) -> None:
    upload = begin(api, 3 * PART)["uploadId"]
    put(api, upload, 3, bytes(PART))
    assert count_parts(session_of(upload)).committed == 0
    put(api, upload, 1, bytes(PART))
    assert count_parts(session_of(upload)).committed == PART
    put(api, upload, 2, bytes(PART))
    session = count_parts(session_of(upload))
    assert (session.committed, session.state) == (3 * PART, SessionState.RECEIVED), "the last part completes it, whoever looks first"
    assert list(UploadPart.objects.filter(session=session).order_by("number").values_list("number", "offset")) == [(1, 0), (2, PART), (3, 2 * PART)]


def test_a_client_that_lies_gets_nowhere(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    claims = [{"PartNumber": 1, "ETag": '"x"', "Size": PART}, {"PartNumber": 2, "ETag": '"y"', "Size": PART}]
    answer = complete(api, upload, claims)
    assert code_of(answer, 409) == "UPLOAD_PARTS_MISSING"
    assert (answer.json()["offset"], answer.json()["number"]) == (PART, 2)
    assert session_of(upload).state == SessionState.RECEIVING
    put(api, upload, 2, bytes(PART))
    assert complete(api, upload, [{"PartNumber": 9, "ETag": "nonsense"}]).status_code == 200, "what it says of ETags is not looked at"


def test_parts_that_do_not_fit_together_are_named(api: APIClient) -> None:
    upload = begin(api, 2 * PART + 1)["uploadId"]
    put(api, upload, 1, bytes(PART))
    put(api, upload, 2, bytes(PART + 1))
    assert code_of(complete(api, upload, []), 409) == "UPLOAD_PARTS_UNEQUAL"
    put(api, upload, 2, bytes(PART))
    put(api, upload, 3, b"!")
    assert complete(api, upload, []).status_code == 200


def test_parts_below_what_s3_joins_are_never_counted(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(MIB))
    assert count_parts(session_of(upload)).committed == 0
    put(api, upload, 2, bytes(MIB))
    assert code_of(complete(api, upload, []), 409) == "UPLOAD_PARTS_UNEQUAL"
    assert session_of(upload).committed == 0


def test_a_part_replaced_after_it_was_told_ends_the_upload(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    assert count_parts(session_of(upload)).committed == PART
    put(api, upload, 1, b"x" * PART)
    put(api, upload, 2, bytes(PART))
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_CORRUPT"
    assert session_of(upload).state == SessionState.CORRUPT


def test_parts_aborted_behind_our_back_end_the_upload(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    (open_one,) = multiparts(storage)
    storage.abort_multipart_upload(Bucket=BUCKET, Key=open_one["Key"], UploadId=open_one["UploadId"])
    assert code_of(api.get(f"{API}/{upload}"), 410) == "UPLOAD_CORRUPT"


def test_a_lost_answer_of_complete_is_made_good(api: APIClient, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(PART + 5)
    upload = begin(api, len(data))["uploadId"]
    put(api, upload, 1, data[:PART])
    put(api, upload, 2, data[PART:])
    assert complete(api, upload, []).status_code == 200
    real = s3.call

    def lost(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = real(operation, **arguments)
        if operation == "complete_multipart_upload":
            raise ConnectionError("the answer was lost")
        return answer

    with monkeypatch.context() as broken:
        broken.setattr(s3, "call", lost)
        with pytest.raises(ConnectionError):
            whole.seal(upload)
    assert multiparts(storage) == []
    assert whole.seal(upload) == (names.whole(upload), len(data))
    assert storage.get_object(Bucket=BUCKET, Key=names.whole(upload))["Body"].read() == data
    assert complete(api, upload, []).status_code == 200


def test_two_that_complete_at_once_hand_over_once(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api, PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    real, calls = bucket.listed, []

    def listed(session: UploadSession, upload_id: str) -> Any:
        found = real(session, upload_id)
        if not calls:
            calls.append(1)
            assert complete(api, upload, []).status_code == 200, "somebody else, between our look and our commit"
        return found

    monkeypatch.setattr(bucket, "listed", listed)
    assert complete(api, upload, []).status_code == 200
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1


def test_a_crash_between_look_and_commit_leaves_all_as_it_was(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api, PART)["uploadId"]
    put(api, upload, 1, bytes(PART))

    def killed(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(count, "_record", killed)
        with pytest.raises(RuntimeError):
            count_parts(session_of(upload))
    session = session_of(upload)
    assert (session.committed, session.state, UploadPart.objects.filter(session=session).count()) == (0, SessionState.RECEIVING, 0)
    assert not Task.objects.filter(kind="uploads.inspect").exists()
    assert count_parts(session).state == SessionState.RECEIVED


def test_aborting_leaves_nothing(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    assert api.delete(f"{API}/{upload}?key=whatever").status_code == 204
    assert (multiparts(storage), objects(storage)) == ([], [])
    assert session_of(upload).state == SessionState.ABORTED
    assert api.delete(f"{API}/{upload}").status_code == 204, "a lost answer"
    assert code_of(api.get(f"{API}/{upload}/2"), 410) == "UPLOAD_CANCELED"
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_CANCELED"


def test_expired_uploads_are_gone_and_their_parts_too(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    UploadSession.objects.filter(public_id=upload).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code_of(api.get(f"{API}/{upload}/2"), 410) == "UPLOAD_EXPIRED"
    assert expire_uploads() == 1
    assert (multiparts(storage), objects(storage)) == ([], [])
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_EXPIRED"


def test_asking_for_addresses_keeps_an_upload_alive(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    UploadSession.objects.filter(public_id=upload).update(expires_at=timezone.now() + timedelta(seconds=60))
    api.get(f"{API}/{upload}/1")
    assert session_of(upload).expires_at > timezone.now() + timedelta(days=1)


def test_an_address_may_be_bound_to_the_bytes_it_is_for(api: APIClient) -> None:
    upload, data = begin(api, PART)["uploadId"], os.urandom(PART)
    md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    url = api.get(f"{API}/{upload}/1", {"md5": md5}).json()["url"]
    assert parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"] == ["content-md5;host"]
    assert requests.put(url, data=data, headers={"Content-MD5": md5}, timeout=30).status_code == 200
    assert complete(api, upload, []).status_code == 200
    assert [row.etag for row in UploadPart.objects.filter(session=session_of(upload))] == [hashlib.md5(data, usedforsecurity=False).hexdigest()]


@pytest.mark.parametrize("wrong", ["abc", "!" * 24, "A" * 23 + "é", base64.b64encode(bytes(15)).decode(), "A" * 5000])
def test_what_is_no_md5_gets_no_address(api: APIClient, wrong: str) -> None:
    upload = begin(api, PART)["uploadId"]
    assert code_of(api.get(f"{API}/{upload}/1", {"md5": wrong}), 400) == "REQUEST_INVALID"


def test_addresses_come_in_small_batches(api: APIClient) -> None:
    upload = begin(api, 3 * PART)["uploadId"]
    answer = api.get(f"{API}/{upload}/batch?partNumbers=2,1").json()
    assert sorted(answer["presignedUrls"]) == ["1", "2"]
    assert requests.put(answer["presignedUrls"]["2"], data=bytes(PART), timeout=30).status_code == 200
    for wrong in ("", "a", "1,,2", "1,-2", ",".join(map(str, range(1, 102))), "123456"):
        assert code_of(api.get(f"{API}/{upload}/batch?partNumbers={wrong}"), 400) == "REQUEST_INVALID"
    assert code_of(api.get(f"{API}/{upload}/4"), 400) == "UPLOAD_PART_IMPOSSIBLE"
    assert code_of(api.get(f"{API}/{upload}/0"), 400) == "UPLOAD_PART_IMPOSSIBLE"
    assert DirectUpload.objects.get().session.remote_file.next_part == 3


@pytest.mark.parametrize(
    ("name", "size", "status", "code"),
    [
        ("film.exe", 10, 415, "UPLOAD_TYPE_REFUSED"),
        ("film.mp4", 6 * 2**30, 413, "UPLOAD_TOO_LARGE"),
        ("film.mp4", 0, 422, "UPLOAD_EMPTY"),
        ("film.mp4", "many", 400, "UPLOAD_HEADER_INVALID"),
        ("film.mp4", -1, 400, "UPLOAD_HEADER_INVALID"),
        ("film.mp4", 10**26, 400, "UPLOAD_HEADER_INVALID"),
    ],
)
def test_what_is_refused_leaves_nothing(api: APIClient, storage: Any, name: str, size: Any, status: int, code: str) -> None:
    answer = api.post(API, {"filename": name, "type": "video/mp4", "metadata": {"size": size}}, format="json")
    assert code_of(answer, status) == code
    assert (Video.objects.count(), UploadSession.objects.count()) == (0, 0)
    assert (multiparts(storage), objects(storage)) == ([], [])


def test_quota_is_the_one_of_every_upload(api: APIClient, settings: Any) -> None:
    settings.UPLOAD_USER_QUOTA = PART
    answer = api.post(API, {"filename": "film.mp4", "metadata": {"size": PART + 1}}, format="json")
    assert code_of(answer, answer.status_code) == "UPLOAD_QUOTA_REACHED"
    assert not UploadSession.objects.exists()


def test_uploads_on_disk_have_no_direct_way(api: APIClient, settings: Any) -> None:
    settings.UPLOAD_STORE = "disk"
    answer = api.post(API, {"filename": "film.mp4", "metadata": {"size": 10}}, format="json")
    assert code_of(answer, 409) == "UPLOAD_DIRECT_UNAVAILABLE"
    assert not Video.objects.exists()


def test_who_may(api: APIClient) -> None:
    begun = begin(api, 2 * PART)
    upload, secret = begun["uploadId"], begun["uploadUrl"].rpartition("/")[2]
    stranger = APIClient(headers={"Authorization": f"Token {token_of(make_user())}"})
    for ask in (
        lambda c: c.get(f"{API}/{upload}"),
        lambda c: c.get(f"{API}/{upload}/1"),
        lambda c: c.delete(f"{API}/{upload}"),
        lambda c: complete(c, upload, []),
    ):
        assert code_of(ask(stranger), 404) == "UPLOAD_NOT_FOUND"
        assert code_of(ask(APIClient()), 401) == "AUTH_REQUIRED"
        assert ask(APIClient(headers={"Authorization": "Bearer upt_" + "x" * 43})).status_code == 404
    holder = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert put(holder, upload, 1, bytes(PART)).status_code == 200
    other = begin(api, PART)["uploadId"]
    assert code_of(holder.get(f"{API}/{other}/1"), 404) == "UPLOAD_NOT_FOUND"


def test_a_cookie_works_from_our_pages_only(owner: User) -> None:
    person = APIClient(enforce_csrf_checks=True)
    person.force_login(owner)
    told = {"filename": "film.mp4", "type": "video/mp4", "metadata": {"size": PART}}
    own = person.post(API, told, format="json", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200, own.content
    foreign = person.post(API, told, format="json", headers={"Sec-Fetch-Site": "cross-site"})
    assert code_of(foreign, 403) == "UPLOAD_FOREIGN_ORIGIN"
    assert code_of(person.post(API, told, format="json", headers={"Origin": "https://evil.example"}), 403) == "UPLOAD_FOREIGN_ORIGIN"
    assert person.post(API, "filename=film.mp4", content_type="text/plain").status_code == 415
    assert Video.objects.count() == 1
