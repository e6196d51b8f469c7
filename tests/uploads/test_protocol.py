"""tus 1.0 as a client sees it, request by request, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils.http import http_date

from resilience.models import Task
from tests.uploads.client import OFFSET_TYPE, Create, patch, request, run
from tests.uploads.server import metadata
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.threads import database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("accept_anything")]


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
