"""tus 1.0 as a client sees it, request by request, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils.http import http_date
from knox.models import AuthToken

from resilience.models import Task
from tests.factories import make_user, make_video
from tests.uploads.client import OFFSET_TYPE, Answer, patch, request
from tests.uploads.server import metadata
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.threads import database

pytestmark = pytest.mark.django_db(transaction=True)

Create = Callable[..., Awaitable[Answer]]


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def token() -> str:
    return str(AuthToken.objects.create(make_user())[1])


@pytest.fixture
def create(token: str) -> Create:
    async def post(length: int | str = 10, *, body: bytes = b"", name: str = "file.bin", **headers: str) -> Answer:
        given = {"Upload_Length": str(length), "Upload_Metadata": metadata(filename=name), "Authorization": f"Token {token}"}
        if body:
            given["Content_Type"] = OFFSET_TYPE
        return await request("POST", "/files/", body=body, **given | headers)

    return post


def run(test: Awaitable[None]) -> None:
    async def inner() -> None:
        await test

    asyncio.run(inner())


def test_a_file_comes_in_in_two_parts(create: Create, upload_dir: Path) -> None:
    async def go() -> None:
        created = await create(10)
        assert created.status == 201
        path = created.headers["location"]
        assert created.headers["holdfast-video"].startswith("vid_")
        assert created.headers["tus-resumable"] == "1.0.0"
        first = await patch(path, 0, b"hello")
        assert (first.status, first.offset, first.body) == (204, 5, b"")
        kept = (await database(UploadSession.objects.get)).expires_at
        assert first.headers["upload-expires"] == http_date(kept.timestamp())
        told = await request("HEAD", path)
        assert (told.status, told.offset, told.headers["upload-length"], told.headers["cache-control"]) == (200, 5, "10", "no-store")
        assert told.headers["upload-metadata"] == metadata(filename="file.bin")
        last = await patch(path, 5, b"world")
        assert (last.offset, "upload-expires" in last.headers) == (10, False)

    run(go())
    session = UploadSession.objects.get()
    assert (session.state, session.committed, session.video.state) == (SessionState.RECEIVED, 10, VideoState.CHECKING)
    assert (upload_dir / session.storage_key).read_bytes() == b"helloworld"
    assert Task.objects.filter(kind="uploads.inspect", key=session.public_id).count() == 1


@pytest.mark.parametrize("path", ["/files", "/files/", "/files/upt_" + "x" * 43])
def test_options_tells_what_we_speak_whatever_version_is_asked(path: str) -> None:
    async def go() -> None:
        answer = await request("OPTIONS", path, version="7.0")
        assert answer.status == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert set(answer.headers["tus-extension"].split(",")) == {
            "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination", "concatenation",
        }  # fmt: skip
        assert answer.headers["tus-max-size"].isdigit()
        assert "tus-resumable" not in answer.headers

    run(go())


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused_before_anything_is_done(create: Create, method: str, version: str) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        target = "/files/" if method == "POST" else path
        answer = await request(method, target, version=version, body=b"x", Upload_Offset="0", Content_Type=OFFSET_TYPE)
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
        assert (await request("HEAD", path)).offset == 0

    run(go())


@pytest.mark.parametrize("value", ["-1", "1.5", "0x1", "", "1e3", "+1", " ", "١", "9" * 26, str(2**63)])
def test_a_length_must_be_a_plain_number(create: Create, value: str) -> None:
    async def go() -> None:
        answer = await create(value.encode().decode("latin-1"))
        assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_HEADER_INVALID")

    run(go())
    assert not UploadSession.objects.exists()


@pytest.mark.parametrize("value", ["-1", "1.5", "", "abc", "9" * 26])
def test_an_offset_must_be_a_plain_number(create: Create, value: str) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        assert (await request("PATCH", path, body=b"x", Upload_Offset=value, Content_Type=OFFSET_TYPE)).status == 400
        assert (await request("HEAD", path)).offset == 0

    run(go())


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Upload_Defer_Length": "1"}, "UPLOAD_HEADER_INVALID"),
        ({"Upload_Metadata": "filename !!!"}, "UPLOAD_METADATA_INVALID"),
        ({"Upload_Metadata": "a YQ==,a YQ=="}, "UPLOAD_METADATA_INVALID"),
        ({"Upload_Metadata": "b YQ==, YQ=="}, "UPLOAD_METADATA_INVALID"),
        ({"Upload_Metadata": "a YQ==,"}, "UPLOAD_METADATA_INVALID"),
        ({"Upload_Metadata": "na\xefve YQ=="}, "UPLOAD_METADATA_INVALID"),
        ({"Idempotency_Key": "k" * 201}, "UPLOAD_HEADER_INVALID"),
    ],
)
def test_a_malformed_creation_is_refused_and_makes_nothing(create: Create, headers: dict[str, str], code: str) -> None:
    async def go() -> None:
        answer = await create(10, **headers)
        assert (answer.status, answer.problem["code"]) == (400, code)

    run(go())
    assert not Video.objects.exists()


def test_a_metadata_key_may_have_no_value(create: Create) -> None:
    async def go() -> None:
        created = await create(10, Upload_Metadata="is_confidential,filename YQ==")
        told = await request("HEAD", created.headers["location"])
        assert told.headers["upload-metadata"] == "is_confidential,filename YQ=="

    run(go())


def test_a_file_over_the_limit_is_refused_before_its_body(create: Create, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE = 100

    async def go() -> None:
        assert (await create(100)).status == 201
        answer = await create(101)
        assert (answer.status, answer.problem["code"]) == (413, "UPLOAD_TOO_LARGE")

    run(go())


def test_a_patch_beyond_the_length_is_refused_and_nothing_is_lost(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        await patch(path, 0, b"hello")
        for extra in ({}, {"chunked": "yes"}):
            answer = await patch(path, 5, b"more than five", **extra)
            assert (answer.status, answer.offset) == (413, 5)
            assert (await request("HEAD", path)).offset == 5
        assert (await patch(path, 5, b"world")).status == 204
        assert (await request("GET", path)).body == b"helloworld"

    run(go())


def test_a_chunked_body_is_taken(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        assert (await patch(path, 0, [b"hel", b"lo", b"world"], chunked="yes")).offset == 10

    run(go())


def test_wrong_place_wrong_label_and_nothing_at_all(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        await patch(path, 0, b"hello")
        wrong = await patch(path, 3, b"lo")
        assert (wrong.status, wrong.offset, wrong.problem["expected-offset"]) == (409, 5, 5)
        assert (await patch(path, 5, b"x", Content_Type="application/octet-stream")).status == 415
        empty = await patch(path, 5, b"")
        assert (empty.status, empty.offset) == (204, 5)
        assert (await request("HEAD", path)).offset == 5

    run(go())


def test_the_last_part_sent_again_is_answered_as_before(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        await patch(path, 0, b"hello")
        for _ in range(2):
            answer = await patch(path, 5, b"world")
            assert (answer.status, answer.offset) == (204, 10)
        assert (await patch(path, 10, b"")).offset == 10
        assert (await patch(path, 10, b"x")).status == 413
        assert (await patch(path, 2, b"x")).status == 409

    run(go())
    assert Task.objects.filter(kind="uploads.inspect").count() == 1


def test_the_method_override_counts_before_anything_else(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        headers = {"X_HTTP_Method_Override": "PATCH", "Upload_Offset": "0", "Content_Type": OFFSET_TYPE}
        answer = await request("POST", path, body=b"hello", **headers)
        assert (answer.status, answer.offset) == (204, 5)
        assert (await request("GET", path, X_HTTP_Method_Override="DELETE")).status == 204

    run(go())


def test_creation_with_upload(create: Create) -> None:
    async def go() -> None:
        part = await create(10, body=b"hello")
        assert (part.status, part.offset) == (201, 5)
        whole = await create(5, body=b"hello")
        assert (whole.status, whole.offset) == (201, 5)
        assert (await create(4, body=b"hello")).status == 413
        assert (await create(5, body=b"hello", Content_Type="video/mp4")).status == 415

    run(go())
    assert sorted(UploadSession.objects.values_list("state", flat=True)) == ["received", "receiving"]


def test_a_deleted_upload_is_gone_for_every_verb(create: Create, upload_dir: Path) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        await patch(path, 0, b"hello")
        assert (await request("DELETE", path)).status == 204
        for answer in [await request("HEAD", path), await patch(path, 5, b"world"), await request("DELETE", path), await request("GET", path)]:
            assert answer.status == 410
            assert "upload-offset" not in answer.headers

    run(go())
    assert list(upload_dir.iterdir()) == []
    assert Video.objects.get().state == VideoState.CANCELED


@pytest.mark.parametrize(
    "segment",
    ["upt_" + "A" * 43, "upl_" + "0" * 20, "../../etc/passwd", "..", "a\x00b", "upt_short", "x/y", "upt_" + "A" * 43 + "/", "%2e%2e"],
)
def test_unknown_and_tricky_addresses_are_the_same_404(segment: str) -> None:
    async def go() -> None:
        for method in ("HEAD", "PATCH", "DELETE", "GET"):
            answer = await request(method, f"/files/{segment}", Upload_Offset="0", Content_Type=OFFSET_TYPE)
            assert (answer.status, answer.headers.get("upload-offset")) == (404, None)

    run(go())


def test_an_upload_by_its_id_needs_its_own_bearer_token(create: Create) -> None:
    async def go() -> None:
        one, other = await create(10), await create(10)
        secret = one.headers["location"].removeprefix("/files/")
        by_id = f"/files/{one.headers['holdfast-upload']}"
        assert (await request("HEAD", by_id, Authorization=f"Bearer {secret}")).status == 200
        assert (await request("HEAD", by_id)).status == 404
        assert (await request("HEAD", f"/files/{other.headers['holdfast-upload']}", Authorization=f"Bearer {secret}")).status == 404

    run(go())


def test_methods_the_address_does_not_take(create: Create) -> None:
    async def go() -> None:
        assert (await request("PUT", "/files/")).headers["allow"] == "OPTIONS, POST"
        path = (await create(10)).headers["location"]
        assert (await request("POST", path)).status == 405

    run(go())


def test_get_returns_the_bytes_as_a_file_to_save(create: Create) -> None:
    async def go() -> None:
        path = (await create(10, name='a"b\u00fc.bin')).headers["location"]
        await patch(path, 0, b"0123")
        assert (await request("GET", path)).status == 409
        await patch(path, 4, b"456789")
        whole = await request("GET", path, version="")
        assert (whole.status, whole.body, whole.headers["content-type"]) == (200, b"0123456789", "application/octet-stream")
        assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22b%C3%BC.bin"
        part = await request("GET", path, Range="bytes=2-4")
        assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
        assert (await request("GET", path, Range="bytes=-3")).body == b"789"
        assert (await request("GET", path, Range="bytes=10-")).status == 416
        assert (await request("GET", path, If_None_Match=whole.headers["etag"])).status == 304

    run(go())


def test_an_error_carries_the_request_id_and_never_the_token(create: Create) -> None:
    async def go() -> None:
        path = (await create(10)).headers["location"]
        answer = await patch(path, 7, b"x", X_Request_ID="my-own-request-id")
        assert answer.headers["x-request-id"] == answer.problem["request_id"] == "my-own-request-id"
        assert path.removeprefix("/files/") not in answer.body.decode()
        assert answer.problem["instance"].startswith("/files/upl_")

    run(go())


def test_the_same_idempotency_key_makes_one_upload(create: Create) -> None:
    async def go() -> None:
        first = await create(10, Idempotency_Key="key-1")
        await patch(first.headers["location"], 0, b"hello")
        again = await create(10, Idempotency_Key="key-1")
        assert (again.status, again.headers["holdfast-upload"]) == (201, first.headers["holdfast-upload"])
        assert (await request("HEAD", again.headers["location"])).offset == 5
        assert (await request("HEAD", first.headers["location"])).headers["holdfast-problem"] == "UPLOAD_CONTINUED_ELSEWHERE"
        other = await create(11, Idempotency_Key="key-1")
        assert (other.status, other.problem["code"]) == (422, "UPLOAD_KEY_REUSED")

    run(go())
    assert UploadSession.objects.count() == 1


def test_two_creations_with_one_key_at_once_make_one_upload(create: Create, upload_dir: Path) -> None:
    async def go() -> None:
        answers = await asyncio.gather(*(create(10, Idempotency_Key="key-1") for _ in range(5)))
        assert {answer.status for answer in answers} == {201}
        assert len({answer.headers["holdfast-upload"] for answer in answers}) == 1

    run(go())
    assert [found.name for found in upload_dir.iterdir()] == [UploadSession.objects.get().storage_key]


def test_a_new_file_for_a_refused_video_goes_to_the_same_video(token: str, create: Create) -> None:
    owner = AuthToken.objects.get().user
    waiting = make_video(owner=owner, state=VideoState.NEEDS_NEW_FILE, error_code="UPLOAD_IS_TEXT")
    ready, strange = make_video(owner=owner, state=VideoState.READY), make_video(state=VideoState.NEEDS_NEW_FILE)

    async def go() -> None:
        created = await create(10, Upload_Metadata=metadata(filename="new.mp4", video=waiting.public_id))
        assert created.headers["holdfast-video"] == waiting.public_id
        assert (await create(10, Upload_Metadata=metadata(filename="new.mp4", video=ready.public_id))).status == 409
        assert (await create(10, Upload_Metadata=metadata(filename="new.mp4", video=strange.public_id))).status == 404

    run(go())
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error_code) == (VideoState.RECEIVING, "")
