"""Uploads whose length is told later: a recording sent while it is made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.utils import timezone
from knox.models import AuthToken

from resilience.models import Task
from tests.factories import make_user
from tests.uploads.client import OFFSET_TYPE, Answer, patch, patch_line, request, until
from uploads.append import active, checkpoints
from uploads.models import SessionState, UploadSession, VideoState
from uploads.services import lease as leases
from uploads.services.commit import Fenced
from uploads.services.create import Created, create_upload
from uploads.services.expire import expire_uploads
from uploads.services.length import fix_length
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def created() -> Created:
    return create_upload(owner=make_user(), length=None, file_name="recording.webm", declared_type="video/webm")


def path_of(created: Created) -> str:
    return f"/files/{created.secret}"


def row(created: Created) -> UploadSession:
    return UploadSession.objects.get(pk=created.session.pk)


async def head(created: Created) -> Answer:
    return await request("HEAD", path_of(created))


def test_the_length_comes_with_the_last_part(created: Created) -> None:
    async def go() -> None:
        assert (await patch(path_of(created), 0, b"hel")).offset == 3
        told = await head(created)
        assert (told.offset, told.headers["upload-defer-length"], "upload-length" in told.headers) == (3, "1", False)
        last = await patch(path_of(created), 3, b"lo", Upload_Length="5")
        assert (last.offset, "upload-expires" in last.headers) == (5, False)
        told = await head(created)
        assert (told.offset, told.headers["upload-length"], "upload-defer-length" in told.headers) == (5, "5", False)
        assert (await request("GET", path_of(created))).body == b"hello"
        assert (await patch(path_of(created), 3, b"lo", Upload_Length="5")).offset == 5  # its answer was lost: sent again

    asyncio.run(go())
    assert (row(created).state, row(created).its_video.state) == (SessionState.RECEIVED, VideoState.CHECKING)
    assert Task.objects.filter(kind="uploads.inspect").count() == 1


def test_a_recording_ends_with_the_length_alone_after_its_last_bytes(created: Created) -> None:
    """The page was reloaded: the recorder is gone, and what arrived is the recording."""

    async def go() -> None:
        line = patch_line(path_of(created), 0)
        line.send(b"recorded until the page was")
        await until(lambda: active.is_active(created.session.pk) and store().size(created.session.storage_key) == 27)
        line.drop()
        await line.finish()
        offset = (await head(created)).offset
        assert offset == 27
        assert (await patch(path_of(created), offset, b" reloaded")).offset == 36
        assert (await patch(path_of(created), 36, b"", Upload_Length="36")).status == 204

    asyncio.run(go())
    assert row(created).state == SessionState.RECEIVED


@pytest.mark.parametrize("length", ["4", "2", "0"])
def test_the_length_never_changes_and_never_lies_behind_what_arrived(created: Created, length: str) -> None:
    async def go() -> None:
        await patch(path_of(created), 0, b"hel", Upload_Length="5")
        answer = await patch(path_of(created), 3, b"l", Upload_Length=length)
        assert (answer.status, answer.problem["code"]) == (400, "UPLOAD_LENGTH_INCONSISTENT")
        told = await head(created)
        assert (told.offset, told.headers["upload-length"]) == (3, "5")

    asyncio.run(go())


def test_a_length_before_what_arrived_is_refused(created: Created) -> None:
    async def go() -> None:
        await patch(path_of(created), 0, b"hello")
        assert (await patch(path_of(created), 5, b"", Upload_Length="4")).status == 400
        assert "upload-length" not in (await head(created)).headers
        assert (await patch(path_of(created), 5, b"x", Upload_Length="-1")).status == 400

    asyncio.run(go())
    assert row(created).length is None


def test_the_size_limit_holds_for_what_arrives_and_for_what_is_told(created: Created, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE = 10

    async def go() -> None:
        assert (await patch(path_of(created), 0, b"12345678")).offset == 8
        over = await patch(path_of(created), 8, b"9ab")
        assert (over.status, over.problem["code"]) == (413, "UPLOAD_TOO_LARGE")
        told = await patch(path_of(created), 8, b"9", Upload_Length="11")
        assert (told.status, told.problem["code"]) == (413, "UPLOAD_TOO_LARGE")
        assert (await head(created)).offset == 8
        assert (await patch(path_of(created), 8, b"9a", Upload_Length="10")).status == 204

    asyncio.run(go())
    assert row(created).state == SessionState.RECEIVED


def test_the_first_bytes_of_a_short_recording_are_judged_before_it_is_complete(created: Created, settings: Any) -> None:
    settings.UPLOAD_ACCEPT = ""

    async def go() -> None:
        assert (await patch(path_of(created), 0, b"<html>")).status == 204  # too little yet to say what it is
        last = await patch(path_of(created), 6, b"</html>", Upload_Length="13")
        assert (last.status, last.problem["code"]) == (415, "UPLOAD_IS_TEXT")

    asyncio.run(go())
    assert row(created).state == SessionState.REJECTED


def test_an_unfinished_recording_expires(created: Created) -> None:
    UploadSession.objects.update(expires_at=timezone.now())
    assert expire_uploads() == 1
    assert row(created).state == SessionState.EXPIRED


def test_a_kill_between_telling_the_length_and_the_commit_leaves_an_upload_that_goes_on(created: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    async def go() -> None:
        await patch(path_of(created), 0, b"hel")
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "commit_offset", dies)
            assert (await patch(path_of(created), 3, b"lo", Upload_Length="5")).status == 500
        told = await head(created)
        assert (told.offset, told.headers["upload-length"]) == (3, "5")
        assert (await patch(path_of(created), 3, b"lo")).offset == 5

    asyncio.run(go())
    assert row(created).state == SessionState.RECEIVED


def test_where_all_was_committed_the_length_completes_in_one_transaction(created: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may read an offset equal to the length while nothing is left that would complete the upload."""

    def dies(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    async def go() -> None:
        await patch(path_of(created), 0, b"hello")
        monkeypatch.setattr(checkpoints, "commit_offset", dies)
        await patch(path_of(created), 5, b"", Upload_Length="5")

    asyncio.run(go())
    assert (row(created).state, row(created).length) == (SessionState.RECEIVED, 5)
    assert Task.objects.filter(kind="uploads.inspect").count() == 1


def test_a_writer_that_was_replaced_tells_no_length(created: Created) -> None:
    old = leases.take_lease(created.session.pk)
    assert old is not None
    leases.take_lease(created.session.pk)
    with pytest.raises(Fenced):
        fix_length(old, 5, completes=True)
    assert row(created).length is None


def test_creation_by_request_and_again_with_its_key() -> None:
    token = str(AuthToken.objects.create(make_user())[1])
    headers = {"Upload_Defer_Length": "1", "Authorization": f"Token {token}", "Idempotency_Key": "rec-1"}

    async def go() -> None:
        first = await request("POST", "/files/", body=b"hel", Content_Type=OFFSET_TYPE, **headers)
        assert (first.status, first.offset) == (201, 3)
        await patch(first.headers["location"], 3, b"lo", Upload_Length="5")
        again = await request("POST", "/files/", **headers)
        assert again.headers["holdfast-upload"] == first.headers["holdfast-upload"]
        for bad in ({"Upload_Defer_Length": "0"}, {"Upload_Defer_Length": "1", "Upload_Length": "5"}, {}):
            answer = await request("POST", "/files/", Authorization=headers["Authorization"], **bad)
            assert answer.status == 400

    asyncio.run(go())
    assert UploadSession.objects.count() == 1
