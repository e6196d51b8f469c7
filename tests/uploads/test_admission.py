"""What is let in: refused before a byte is sent where it can be known, at the first bytes where not; and who may send at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from knox.models import AuthToken

from tests.factories import make_user
from tests.media import clip
from tests.uploads.client import Answer, patch, patch_line, request, until
from tests.uploads.server import metadata
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.services import create as creating
from uploads.store import WriteFailed
from uploads.store.disk import DiskStore

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_media(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "media"
    settings.BASE_URL = "http://holdfast.test"
    settings.ALLOWED_HOSTS = ["holdfast.test"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.holdfast.test"]


@pytest.fixture
def token() -> str:
    return str(AuthToken.objects.create(make_user(email="ada@example.org"))[1])


def run(test: Awaitable[Any]) -> Any:
    async def inner() -> Any:
        return await test

    return asyncio.run(inner())


async def create(token: str, length: int, **pairs: str) -> Answer:
    given = {"Upload_Metadata": metadata(**pairs)} if pairs else {}
    return await request("POST", "/files/", Upload_Length=str(length), Authorization=f"Token {token}", **given)


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.M4V", "a.mov", "a.webm", "a.mkv", "a.avi", "a.mpegts", "a.ts", "a.mts", "a.mp3", "a.wav", "a.ogg", "a.m4a", "a.flac", "noending"]
)
def test_every_kind_we_name_may_begin(token: str, name: str) -> None:
    assert run(create(token, 10, filename=name)).status == 201


@pytest.mark.parametrize(
    ("pairs", "code", "status"),
    [
        ({"filename": "page.html"}, "UPLOAD_TYPE_REFUSED", 415),
        ({"filename": "run.mp4.exe"}, "UPLOAD_TYPE_REFUSED", 415),
        ({"filename": "a.mp4", "filetype": "text/html"}, "UPLOAD_TYPE_REFUSED", 415),
        ({"filename": "a", "filetype": "image/png"}, "UPLOAD_TYPE_REFUSED", 415),
    ],
)
def test_another_kind_is_refused_before_a_byte_is_sent(token: str, upload_dir: Path, pairs: dict[str, str], code: str, status: int) -> None:
    answer = run(create(token, 10, **pairs))
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert not Video.objects.exists()
    assert not upload_dir.exists()


def test_an_empty_file_is_refused_kindly(token: str) -> None:
    answer = run(create(token, 0, filename="a.mp4"))
    assert (answer.status, answer.problem["code"]) == (422, "UPLOAD_EMPTY")


def test_with_any_content_allowed_an_empty_file_is_complete_at_once(token: str, settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"

    async def go() -> None:
        created = await create(token, 0, filename="a.bin")
        assert (await request("HEAD", created.headers["location"])).offset == 0
        assert (await request("GET", created.headers["location"])).status == 200

    run(go())
    assert UploadSession.objects.get().state == SessionState.RECEIVED


def test_a_text_named_mp4_is_refused_at_its_first_bytes_and_leaves_nothing(token: str, upload_dir: Path) -> None:
    async def go() -> None:
        path = (await create(token, 4 * 2**30, filename="page.mp4")).headers["location"]
        line = patch_line(path, 0, length=4 * 2**30)
        line.send(b"<p>Hello</p>" * 100_000)
        await until(lambda: line.answer.status)
        line.drop()
        answer = await line.finish()
        assert (answer.status, answer.problem["code"]) == (415, "UPLOAD_IS_TEXT")
        assert answer.problem["detail"].startswith("This is a text file named page.mp4.")
        for again in (await request("HEAD", path), await patch(path, 0, b"x")):
            assert (again.status, "upload-offset" in again.headers) == (410, False)

    run(go())
    session = UploadSession.objects.get()
    assert (session.state, session.committed) == (SessionState.REJECTED, 0)
    assert (session.video.state, session.video.error_code) == (VideoState.NEEDS_NEW_FILE, "UPLOAD_IS_TEXT")
    assert list(upload_dir.iterdir()) == []


def test_a_small_picture_is_refused_when_it_is_whole(token: str) -> None:
    async def go() -> None:
        data = b"\x89PNG\r\n\x1a\n" + bytes(100)
        path = (await create(token, len(data), filename="a.mp4")).headers["location"]
        assert (await patch(path, 0, data[:4])).status == 204
        assert (await patch(path, 4, data[4:])).problem["code"] == "UPLOAD_IS_PICTURE"

    run(go())


def test_a_real_clip_comes_in(token: str) -> None:
    async def go() -> None:
        data = clip().read_bytes()
        path = (await create(token, len(data), filename="a.mp4", filetype="video/mp4")).headers["location"]
        assert (await patch(path, 0, data)).status == 204

    run(go())
    assert UploadSession.objects.get().state == SessionState.RECEIVED


def test_below_the_watermark_new_uploads_wait_and_old_ones_go_on(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        path = (await create(token, 10, filename="a.mp3")).headers["location"]
        monkeypatch.setattr(DiskStore, "free_share", lambda self: 0.09)
        answer = await create(token, 10, filename="a.mp3")
        assert (answer.status, answer.problem["code"], "retry-after" in answer.headers) == (507, "UPLOAD_STORAGE_FULL", True)
        assert (await patch(path, 0, b"ID3")).status == 204

    run(go())


def test_a_file_that_cannot_be_made_is_told_and_the_same_key_tries_again(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: DiskStore, key: str) -> None:
        raise WriteFailed(written=0, full=True)

    async def post() -> Answer:
        given = {"Upload_Metadata": metadata(filename="a.mp4"), "Idempotency_Key": "again"}
        return await request("POST", "/files/", Upload_Length="10", Authorization=f"Token {token}", **given)

    with monkeypatch.context() as patched:
        patched.setattr(DiskStore, "create", full)
        assert run(post()).status == 507
    assert not UploadSession.objects.exists()
    assert not Video.objects.exists()
    assert run(post()).status == 201
    assert UploadSession.objects.get().state == SessionState.RECEIVING


def test_who_is_unknown_may_not_create() -> None:
    for headers in ({}, {"Authorization": "Token nonsense"}, {"Authorization": "Basic x"}, {"Cookie": "sessionid=nonsense"}, {"Authorization": "Token \xff"}):
        answer = run(request("POST", "/files/", Upload_Length="10", **headers))
        assert (answer.status, answer.problem["code"]) == (401, "AUTH_REQUIRED")
        assert answer.headers["www-authenticate"]


def cookie_of(client: Client) -> str:
    client.force_login(make_user())
    return f"sessionid={client.cookies['sessionid'].value}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "http://holdfast.test"}, 201),
        ({"Origin": "https://front.holdfast.test"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://holdfast.test"}, 403),
    ],
)
def test_a_cookie_counts_only_from_our_own_pages(client: Client, headers: dict[str, str], status: int) -> None:
    cookie = cookie_of(client)
    answer = run(request("POST", "/files/", Upload_Length="10", Host="holdfast.test", Cookie=cookie, Upload_Metadata=metadata(filename="a.mp4"), **headers))
    assert answer.status == status


def test_a_foreign_host_name_does_not_make_a_foreign_page_ours(client: Client) -> None:
    cookie = cookie_of(client)
    answer = run(request("POST", "/files/", Upload_Length="10", Host="evil.example", Origin="http://evil.example", Cookie=cookie))
    assert answer.status == 403


def test_the_row_is_there_before_the_file(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = DiskStore.create

    def watch(self: DiskStore, key: str) -> None:
        seen.append(UploadSession.objects.get(storage_key=key).state)
        real(self, key)

    monkeypatch.setattr(DiskStore, "create", watch)
    owner = AuthToken.objects.get().user
    creating.create_upload(owner=owner, length=10, file_name="a.mp4", declared_type="")
    assert seen == [SessionState.CREATING]
