"""Published files: whole, in ranges, to the right person, by sync and async servers alike."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import AsyncClient, Client
from knox.models import AuthToken

from dashboard.views.media import byte_range
from tests.factories import make_job, make_user, make_video
from uploads.errors import RangeInvalid

from .pages import publish

CONTENT = bytes(range(256)) * 2000  # more than one chunk


@pytest.fixture
def address(anna) -> str:
    """The address of a published mp4 of Anna's."""
    video = make_video(owner=anna, state="ready")
    job = make_job(video=video, state="ready")
    publish(video, job)
    name = default_storage.save(f"{video.public_id}/{job.public_id}/360p/all.mp4", ContentFile(CONTENT))
    return f"/media/{name}"


def body(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_its_owner_gets_the_whole_file(client: Client, address: str) -> None:
    answer = client.get(address)
    assert body(answer) == CONTENT
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-299", 100, 300), ("bytes=511000-", 511_000, 512_000), ("bytes=-5", 511_995, 512_000), ("bytes=0-99999999", 0, 512_000)],
)
def test_a_range(client: Client, address: str, header: str, start: int, end: int) -> None:
    answer = client.get(address, headers={"range": header})
    assert answer.status_code == 206
    assert body(answer) == CONTENT[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/512000"
    assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("header", ["bytes=512000-", "bytes=600000-700000", "bytes=-0"])
def test_a_range_beyond_the_end(client: Client, address: str, header: str) -> None:
    answer = client.get(address, headers={"range": header})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */512000"


@pytest.mark.parametrize("header", ["", "bytes=", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=9-3"])
def test_what_is_no_single_range_means_all(header: str) -> None:
    assert byte_range(header, 100) is None


def test_a_range_of_nothing() -> None:
    with pytest.raises(RangeInvalid):
        byte_range("bytes=0-", 0)


@pytest.mark.django_db(transaction=True)
def test_an_async_server_streams_it_too(anna, address: str) -> None:
    browser = AsyncClient()
    browser.force_login(anna)

    async def fetch() -> bytes:
        answer = await browser.get(address, headers={"range": "bytes=1000-400999"})
        assert answer.is_async
        return b"".join([chunk async for chunk in answer.streaming_content])

    assert async_to_sync(fetch)() == CONTENT[1000:401_000]


def test_head_has_the_size_and_no_body(client: Client, address: str) -> None:
    answer = client.head(address)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert body(answer) == b""


def test_everybody_else_finds_nothing(stranger: Client, anonymous: Client, address: str) -> None:
    assert stranger.get(address).status_code == 404
    assert anonymous.get(address).status_code == 404


def test_a_program_with_its_owners_token_gets_it_too(anonymous: Client, anna, address: str) -> None:
    _row, token = AuthToken.objects.create(user=anna)
    assert body(anonymous.get(address, headers={"Authorization": f"Token {token}"})) == CONTENT
    assert anonymous.get(address, headers={"Authorization": "Token made-up"}).status_code == 404


def test_staff_with_the_permission_may_look(address: str, db) -> None:
    browser = Client()
    browser.force_login(make_user(staff=True))
    assert browser.get(address).status_code == 404
    browser.force_login(make_user(superuser=True))
    assert body(browser.get(address)) == CONTENT


@pytest.mark.parametrize("path", ["/media/", "/media/vid_x/", "/media/vid_x/main.m3u8", "/media/../settings.py", "/media/%2e%2e/%2e%2e/etc/passwd"])
def test_made_up_names_are_not_there(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["../../secret_key", "..%2f..%2fsecret_key", "%00.mp4", "360p/all.mp4/..", "360p", "360p/none.mp4"])
def test_nothing_outside_the_video_can_be_named(client: Client, address: str, name: str) -> None:
    folder = address.rsplit("/", 2)[0]
    assert client.get(f"{folder}/{name}").status_code == 404


def test_changes_are_refused(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
