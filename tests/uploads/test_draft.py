"""The IETF draft on the same addresses as tus, request by request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import Answer, Line, request, told, until
from uploads.append import active
from uploads.models import SessionState, UploadSession, Video
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)

PARTIAL = "application/partial-upload"
MISMATCH = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
INCONSISTENT = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
Post = Callable[..., Awaitable[Answer]]


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def token() -> str:
    return str(AuthToken.objects.create(make_user())[1])


@pytest.fixture
def post(token: str) -> Post:
    async def send(complete: str = "?0", *, body: bytes = b"", chunked: bool = False, **headers: str) -> Answer:
        given = {"Authorization": f"Token {token}", "Upload_Complete": complete}
        return await request("POST", "/files/", body=body, chunked=chunked, version="", **given | headers)

    return send


async def append(path: str, offset: int | str, body: bytes = b"", complete: str = "?0", *, chunked: bool = False, **headers: str) -> Answer:
    given = {"Content_Type": PARTIAL, "Upload_Offset": str(offset), "Upload_Complete": complete}
    return await request("PATCH", path, body=body, chunked=chunked, version="", **given | headers)


async def head(path: str, **headers: str) -> Answer:
    return await request("HEAD", path, version="", **headers)


def test_a_file_comes_in_in_parts_and_ends_where_the_client_says(post: Post) -> None:
    async def go() -> None:
        made = await post(Content_Disposition="attachment; filename*=UTF-8''ferien%20%C3%BC.mp4", Content_Type="video/mp4")
        assert (made.status, made.headers["upload-complete"], "tus-resumable" in made.headers) == (201, "?0", False)
        assert "max-size=" in made.headers["upload-limit"]
        path = made.headers["location"]
        assert told(await append(path, 0, b"hello")) == (204, "5", "?0")
        status = await head(path)
        assert told(status) == (200, "5", "?0")
        assert (status.headers["cache-control"], "max-age=" in status.headers["upload-limit"], "upload-length" in status.headers) == ("no-store", True, False)
        assert told(await append(path, 5, b"world", "?1")) == (204, "10", "?1")
        assert told(await append(path, 5, b"world", "?1")) == (204, "10", "?1")  # its answer was lost: sent again
        assert told(await head(path)) == (200, "10", "?1")
        assert (await request("GET", path, version="")).body == b"helloworld"

    asyncio.run(go())
    session = UploadSession.objects.get()
    assert (session.state, session.file_name, session.declared_type) == (SessionState.RECEIVED, "ferien ü.mp4", "video/mp4")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_whole_file_in_its_creation(post: Post, *, chunked: bool) -> None:
    async def go() -> None:
        made = await post("?1", body=b"hello", chunked=chunked)
        assert told(made) == (201, "5", "?1")
        assert told(await head(made.headers["location"])) == (200, "5", "?1")

    asyncio.run(go())
    assert UploadSession.objects.get().state == SessionState.RECEIVED


def test_the_announced_length_alone_does_not_end_a_file(post: Post) -> None:
    async def go() -> None:
        path = (await post(Upload_Length="5")).headers["location"]
        assert told(await append(path, 0, b"hello")) == (204, "5", "?0")
        assert told(await head(path)) == (200, "5", "?0")
        assert told(await append(path, 5, b"", "?1")) == (204, "5", "?1")

    asyncio.run(go())
    assert UploadSession.objects.get().state == SessionState.RECEIVED


def test_a_wrong_offset_is_told_with_the_right_one(post: Post) -> None:
    async def go() -> None:
        path = (await post(body=b"hello")).headers["location"]
        wrong = await append(path, 3, b"lo")
        assert told(wrong) == (409, "5", "?0")
        assert (wrong.problem["type"], wrong.problem["expected-offset"], wrong.problem["provided-offset"]) == (MISMATCH, 5, 3)
        assert told(await head(path)) == (200, "5", "?0")

    asyncio.run(go())


def test_lengths_that_do_not_agree_change_nothing(post: Post) -> None:
    async def go() -> None:
        wrong = await post("?1", body=b"hello", Upload_Length="6")
        assert (wrong.status, wrong.problem["type"], wrong.headers["upload-complete"]) == (400, INCONSISTENT, "?0")
        path = (await post(Upload_Length="10")).headers["location"]
        for body, complete, headers in [(b"hello", "?1", {}), (b"hello", "?0", {"Upload_Length": "11"}), (b"hello", "?1", {"Upload_Length": "10"})]:
            answer = await append(path, 0, body, complete, **headers)
            assert (answer.status, answer.problem["type"]) == (400, INCONSISTENT)
        assert told(await head(path)) == (200, "0", "?0")
        short = await append(path, 0, b"hello", "?1", chunked=True)
        assert (short.status, short.problem["type"]) == (400, INCONSISTENT)

    asyncio.run(go())
    assert Video.objects.count() == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_announced_ends_the_upload(post: Post, *, chunked: bool) -> None:
    async def go() -> None:
        path = (await post(Upload_Length="5", body=b"hel")).headers["location"]
        over = await append(path, 3, b"lo and more", chunked=chunked)
        assert (over.status, "max-size=" in over.headers["upload-limit"]) == (413, True)
        gone = await head(path)
        assert (gone.status, "upload-offset" in gone.headers) == (410, False)
        assert (await append(path, 3, b"lo", "?1")).status == 410

    asyncio.run(go())
    session = UploadSession.objects.get()
    assert session.state == SessionState.REJECTED
    assert not store().path(session.storage_key).exists()  # type: ignore[attr-defined] # a file on this disk


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/octet-stream"}, 415),
        ({"Upload_Offset": "1.5"}, 400),
        ({"Upload_Offset": "-1"}, 400),
        ({"Upload_Offset": '"3"'}, 400),
        ({"Upload_Complete": "1"}, 400),
        ({"Upload_Complete": "?2"}, 400),
    ],
)
def test_a_field_that_is_malformed_counts_as_missing(post: Post, headers: dict[str, str], status: int) -> None:
    async def go() -> None:
        path = (await post(body=b"hel")).headers["location"]
        answer = await append(path, 3, b"lo", Upload_Draft_Interop_Version="8", **headers)
        assert (answer.status, answer.headers["upload-complete"]) == (status, "?0")
        assert told(await head(path)) == (200, "3", "?0")

    asyncio.run(go())


@pytest.mark.parametrize("length", ["abc", "1.5", "-4", "5 6", '"5"'])
def test_a_malformed_length_is_ignored(post: Post, length: str) -> None:
    async def go() -> None:
        made = await post(Upload_Length=length)
        assert made.status == 201
        assert "upload-length" not in (await head(made.headers["location"])).headers

    asyncio.run(go())


def test_parameters_of_fields_are_allowed(post: Post) -> None:
    async def go() -> None:
        path = (await post("?0;x=1", Upload_Length='5;note="a b"')).headers["location"]
        assert told(await append(path, 0, b"hello", "?1; final")) == (204, "5", "?1")

    asyncio.run(go())


def test_an_upload_of_tus_stays_one_of_tus_for_requests_that_name_nothing(token: str, post: Post) -> None:
    async def go() -> None:
        tus = (await request("POST", "/files/", Upload_Length="5", Authorization=f"Token {token}")).headers["location"]
        assert (await head(tus)).status == 412
        assert told(await head(tus, Upload_Draft_Interop_Version="8")) == (200, "0", "?0")
        draft = (await post()).headers["location"]
        assert (await request("HEAD", draft)).headers["tus-resumable"] == "1.0.0"
        assert (await request("DELETE", draft, version="")).status == 204
        assert (await head(draft)).status == 410

    asyncio.run(go())


@pytest.mark.parametrize("path", ["/files/", "/files/upt_" + "x" * 43])
def test_options_tells_the_limits(path: str, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE = 1234

    async def go() -> None:
        limits = (await request("OPTIONS", path, version="")).headers["upload-limit"].split(", ")
        assert {"max-size=1234", "min-size=0", f"max-age={settings.UPLOAD_EXPIRY_SECONDS}"} == set(limits)

    asyncio.run(go())


def test_delete_ends_an_append_in_flight(post: Post) -> None:
    async def go() -> None:
        path = (await post()).headers["location"]
        line = Line("PATCH", path, {"Content-Type": PARTIAL, "Upload-Offset": "0", "Upload-Complete": "?1", "Content-Length": "10"}).begin()
        line.send(b"hello")
        await until(lambda: any(slot.writer.epoch for slot in active._slots.values()))
        assert (await request("DELETE", path, version="")).status == 204
        assert (await line.finish()).status == 409
        line.drop()
        assert (await head(path)).status == 410

    asyncio.run(go())


def test_a_page_of_another_site_cannot_use_the_cookie(client: Any) -> None:
    user = make_user()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    async def go() -> None:
        async def post(**headers: str) -> int:
            return (await request("POST", "/files/", version="", Upload_Complete="?0", Cookie=cookie, Host="testserver", **headers)).status

        assert await post() == 403  # nothing says where it comes from
        assert await post(Sec_Fetch_Site="cross-site") == 403
        assert await post(Origin="https://elsewhere.example") == 403
        assert await post(Sec_Fetch_Site="same-origin") == 201
        assert await post(Origin="http://testserver") == 201

    asyncio.run(go())
    assert UploadSession.objects.filter(owner=user).count() == 2
