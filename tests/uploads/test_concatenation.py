"""One file from parts that were sent side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from knox.models import AuthToken

from resilience.models import Task
from tests.factories import make_user
from tests.uploads.client import Answer, patch, request
from tests.uploads.server import metadata
from uploads.errors import UploadBusy
from uploads.models import SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.selectors import unfinished_uploads
from uploads.services import create as creating
from uploads.services import parts
from uploads.services.abort import abort_upload
from uploads.services.expire import expire_uploads
from uploads.store import WriteFailed, store
from uploads.store.disk import DiskStore

pytestmark = pytest.mark.django_db(transaction=True)

Post = Callable[..., Awaitable[Answer]]


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def post() -> Post:
    token = str(AuthToken.objects.create(make_user())[1])

    async def send(**headers: str) -> Answer:
        return await request("POST", "/files/", **{"Authorization": f"Token {token}"} | headers)

    return send


async def part(post: Post, data: bytes, *, send: bytes | None = None) -> str:
    made = await post(Upload_Length=str(len(data)), Upload_Concat="partial")
    assert made.status == 201
    path = made.headers["location"]
    assert (await patch(path, 0, data if send is None else send)).status == 204
    return path


async def join(post: Post, *paths: str, **headers: str) -> Answer:
    return await post(**{"Upload_Concat": "final;" + " ".join(paths), "Upload_Metadata": metadata(filename="film.bin")} | headers)


def joined() -> UploadSession:
    return UploadSession.objects.get(role=UploadRole.JOINED)


def test_two_parts_become_one_file_and_one_video(post: Post, upload_dir: Path) -> None:
    async def go() -> None:
        one, two = await part(post, b"hello "), await part(post, b"world")
        told = await request("HEAD", one)
        assert (told.offset, told.headers["upload-concat"], "upload-expires" in told.headers) == (6, "partial", True)
        made = await join(post, one, f"https://elsewhere.example{two}", one)
        assert (made.status, "upload-offset" in made.headers) == (201, False)
        path = made.headers["location"]
        final = await request("HEAD", path)
        assert (final.offset, final.headers["upload-length"]) == (17, "17")
        assert final.headers["upload-concat"] == f"final;{one} https://elsewhere.example{two} {one}"
        assert (await request("GET", path)).body == b"hello worldhello "
        refused = await patch(path, 17, b"x")
        assert (refused.status, refused.problem["code"]) == (403, "UPLOAD_JOINED_READ_ONLY")

    asyncio.run(go())
    video = Video.objects.get()
    assert (video.title, video.state, joined().state) == ("film.bin", VideoState.CHECKING, SessionState.RECEIVED)
    assert Task.objects.filter(kind="uploads.inspect").count() == 1
    assert not UploadSession.objects.filter(role=UploadRole.PART, video__isnull=False).exists()


def test_the_addresses_of_the_parts_are_not_readable_in_the_database(post: Post) -> None:
    async def go() -> None:
        await join(post, await part(post, b"a"))

    asyncio.run(go())
    assert joined().concat
    assert "upt_" not in joined().concat


def test_parts_are_nothing_a_person_sees(post: Post) -> None:
    async def go() -> None:
        await part(post, b"hello", send=b"he")

    asyncio.run(go())
    session = UploadSession.objects.get()
    assert not Video.objects.exists()
    assert not unfinished_uploads(session.owner).exists()
    assert not Task.objects.filter(kind="uploads.inspect").exists()


def test_a_file_is_not_made_before_its_parts_are_complete(post: Post) -> None:
    async def go() -> None:
        one, two = await part(post, b"hello"), await part(post, b"world", send=b"wor")
        early = await join(post, one, two)
        assert (early.status, early.problem["code"]) == (409, "UPLOAD_PARTS_UNFINISHED")
        await patch(two, 3, b"ld")
        assert (await join(post, one, two)).status == 201

    asyncio.run(go())
    assert Video.objects.count() == 1


def test_only_ones_own_parts_and_only_parts(post: Post) -> None:
    stranger = str(AuthToken.objects.create(make_user())[1])

    async def go() -> None:
        own = await part(post, b"hello")
        whole = (await post(Upload_Length="1", Upload_Metadata=metadata(filename="a.bin"))).headers["location"]
        gone = await part(post, b"gone")
        assert (await request("DELETE", gone)).status == 204
        for bad in [whole, gone, "/files/upt_" + "x" * 43, "/elsewhere/" + own[7:], own + "/", "x"]:
            answer = await join(post, own, bad)
            assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_PARTS_UNUSABLE"), bad
        assert (await join(post, own, Authorization=f"Token {stranger}")).status == 400

    asyncio.run(go())
    assert not UploadSession.objects.filter(role=UploadRole.JOINED).exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload_Concat": "final"},
        {"Upload_Concat": "final;"},
        {"Upload_Concat": "Partial", "Upload_Length": "1"},
        {"Upload_Concat": "", "Upload_Length": "1"},
        {"Upload_Concat": "final;/files/x", "Upload_Length": "1"},
        {"Upload_Concat": "final;/files/x", "Upload_Defer_Length": "1"},
    ],
)
def test_a_malformed_concat_is_refused(post: Post, headers: dict[str, str]) -> None:
    async def go() -> None:
        answer = await post(**headers)
        assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_HEADER_INVALID")

    asyncio.run(go())
    assert not UploadSession.objects.exists()


def test_the_limit_counts_for_the_whole_file(post: Post, settings: Any, upload_dir: Path) -> None:
    settings.UPLOAD_MAX_SIZE = 8

    async def go() -> None:
        answer = await join(post, await part(post, b"hello"), await part(post, b"world"))
        assert (answer.status, answer.problem["code"]) == (413, "UPLOAD_TOO_LARGE")

    asyncio.run(go())
    assert not Video.objects.exists()
    assert len([*upload_dir.iterdir()]) == 2


def test_a_large_file_is_put_together_by_a_worker(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "AT_ONCE_BYTES", 4)
    paths: list[str] = []

    async def go() -> None:
        one, two = await part(post, b"hello"), await part(post, b"world")
        paths.extend([one, (await join(post, one, two)).headers["location"]])
        told = await request("HEAD", paths[1])
        assert (told.status, "upload-offset" in told.headers, told.headers["upload-length"]) == (200, False, "10")
        assert (await request("GET", paths[1])).status == 409
        busy = await request("DELETE", one)
        assert (busy.status, busy.problem["code"]) == (423, "UPLOAD_PART_IN_USE")

    asyncio.run(go())
    task = Task.objects.get(kind="uploads.join")
    for _ in range(2):  # at least once is what a task promises
        parts.join_parts(task.payload["session_id"])
    assert (joined().state, joined().committed) == (SessionState.RECEIVED, 10)
    assert store().size(joined().storage_key) == 10
    assert Task.objects.filter(kind="uploads.inspect").count() == 1

    async def after() -> None:
        assert (await request("HEAD", paths[1])).offset == 10
        assert (await request("DELETE", paths[0])).status == 204
        assert (await request("GET", paths[1])).body == b"helloworld"

    asyncio.run(after())


def test_a_copy_that_was_cut_short_is_made_again_from_the_start(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    real = DiskStore.concatenate

    def dies(self: DiskStore, keys: Any, target: str) -> int:
        real(self, list(keys)[:1], target)
        raise WriteFailed(written=0, full=False)

    async def go() -> None:
        one, two = await part(post, b"hello"), await part(post, b"world")
        with monkeypatch.context() as patched:
            patched.setattr(DiskStore, "concatenate", dies)
            assert (await join(post, one, two)).status == 201

    asyncio.run(go())
    session = joined()
    assert (session.state, store().size(session.storage_key)) == (SessionState.CREATING, 5)
    assert Task.objects.get(kind="uploads.join").key == session.public_id
    parts.join_parts(session.public_id)
    assert store().path(session.storage_key).read_bytes() == b"helloworld"
    assert joined().state == SessionState.RECEIVED


def test_a_file_canceled_while_it_is_made_leaves_no_bytes(post: Post, monkeypatch: pytest.MonkeyPatch, upload_dir: Path) -> None:
    real = DiskStore.concatenate

    def slow(self: DiskStore, keys: Any, target: str) -> int:
        size = real(self, keys, target)
        assert abort_upload(joined())
        DiskStore.create(self, target)  # what a copy still under way would leave
        return size

    async def go() -> None:
        path = await part(post, b"hello")
        monkeypatch.setattr(DiskStore, "concatenate", slow)
        await join(post, path)

    asyncio.run(go())
    assert joined().state == SessionState.ABORTED
    assert not (upload_dir / joined().storage_key).exists()


def test_parts_that_were_lost_end_the_file_as_our_fault(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "joined_at_once", lambda session: False)

    async def go() -> None:
        await join(post, await part(post, b"hello"))

    asyncio.run(go())
    store().delete(UploadSession.objects.get(role=UploadRole.PART).storage_key)
    parts.join_parts(joined().public_id)
    assert (joined().state, joined().its_video.error_code) == (SessionState.CORRUPT, "UPLOAD_CORRUPT")


def test_complete_parts_expire_once_their_time_is_over_and_the_file_stays(post: Post) -> None:
    async def go() -> None:
        one = await part(post, b"hello")
        await join(post, one)

    asyncio.run(go())
    kept = UploadSession.objects.get(role=UploadRole.PART)
    assert kept.expires_at - timezone.now() < timedelta(seconds=parts.KEPT_SECONDS + 1)
    UploadSession.objects.update(expires_at=timezone.now())
    assert expire_uploads() == 1
    kept.refresh_from_db()
    assert (kept.state, joined().state) == (SessionState.EXPIRED, SessionState.RECEIVED)
    assert store().size(joined().storage_key) == 5


def test_a_lost_answer_makes_no_second_file(post: Post) -> None:
    async def go() -> None:
        one = await part(post, b"hello")
        first, again = [await join(post, one, Idempotency_Key="film") for _ in range(2)]
        assert first.headers["holdfast-upload"] == again.headers["holdfast-upload"]

    asyncio.run(go())
    assert Video.objects.count() == 1


def test_two_runs_at_once_make_one_file(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "joined_at_once", lambda session: False)

    async def go() -> None:
        await join(post, await part(post, b"hello"))

    asyncio.run(go())
    session = joined()
    store().create(session.storage_key)
    held = store().open(session.storage_key)
    with pytest.raises(UploadBusy):
        parts.join_parts(session.public_id)
    held.close()
    parts.join_parts(session.public_id)
    assert joined().state == SessionState.RECEIVED
