"""What the address of an upload answers: gone, unknown, somebody else's, read, and made twice by one key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from knox.models import AuthToken

from tests.factories import make_video
from tests.uploads.client import OFFSET_TYPE, Create, patch, request, run
from tests.uploads.server import metadata
from uploads.models import UploadSession, Video, VideoState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("accept_anything")]


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
