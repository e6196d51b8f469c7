"""Checksums: a part that is not what was announced leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import OFFSET_TYPE, Line, patch, request, until
from tests.uploads.server import metadata
from uploads.append import active
from uploads.models import SessionState, UploadSession, Video
from uploads.services.create import Created, create_upload
from uploads.services.inspect import inspect_upload
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)

ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


def sum_of(algorithm: str, data: bytes) -> str:
    return f"{algorithm} {base64.b64encode(ALGORITHMS[algorithm](data)).decode()}"


def digest_of(name: str, data: bytes) -> str:
    found = hashlib.new(name.replace("-", ""), data).digest()
    return f"{name}=:{base64.b64encode(found).decode()}:"


def upload(length: int | None = 10) -> Created:
    return create_upload(owner=make_user(), length=length, file_name="file.bin", declared_type="")


def path_of(created: Created) -> str:
    return f"/files/{created.secret}"


def row(created: Created) -> UploadSession:
    return UploadSession.objects.get(pk=created.session.pk)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_part_that_matches_is_kept_and_one_that_does_not_leaves_nothing(algorithm: str) -> None:
    created = upload()

    async def go() -> None:
        path = path_of(created)
        assert (await patch(path, 0, b"hello", **{"Upload-Checksum": sum_of(algorithm, b"hello")})).offset == 5
        wrong = await patch(path, 5, b"w0rld", **{"Upload-Checksum": sum_of(algorithm, b"world")})
        assert (wrong.status, wrong.problem["code"]) == (460, "UPLOAD_CHECKSUM_MISMATCH")
        assert (await request("HEAD", path)).offset == 5

    asyncio.run(go())
    assert store().size(created.session.storage_key) == 5
    assert row(created).state == SessionState.RECEIVING

    async def again() -> None:
        assert (await patch(path_of(created), 5, b"world", **{"Upload-Checksum": sum_of(algorithm, b"world")})).offset == 10
        assert (await request("GET", path_of(created))).body == b"helloworld"

    asyncio.run(again())


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("md5 1B2M2Y8AsgTpgAmY7PhCfg==", "UPLOAD_CHECKSUM_UNKNOWN"),
        ("SHA1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "UPLOAD_CHECKSUM_UNKNOWN"),
        ("sha1", "UPLOAD_HEADER_INVALID"),
        ("", "UPLOAD_HEADER_INVALID"),
        ("sha1 !!!!", "UPLOAD_HEADER_INVALID"),
        ("sha1 aGVsbG8=", "UPLOAD_HEADER_INVALID"),
    ],
)
def test_a_checksum_we_cannot_compute_is_refused_and_nothing_is_taken(value: str, code: str) -> None:
    created = upload()

    async def go() -> None:
        answer = await patch(path_of(created), 0, b"hello", **{"Upload-Checksum": value})
        assert (answer.status, answer.problem["code"]) == (400, code)
        assert (await request("HEAD", path_of(created))).offset == 0

    asyncio.run(go())
    assert store().size(created.session.storage_key) == 0


def test_nothing_of_an_announced_part_is_committed_before_all_of_it_matches(settings: Any) -> None:
    settings.UPLOAD_CHECKPOINT_BYTES, settings.UPLOAD_CHECKPOINT_SECONDS = 1, 0.01
    created = upload(100)

    async def go() -> None:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": OFFSET_TYPE, "Content-Length": "100"}
        line = Line("PATCH", path_of(created), headers | {"Upload-Checksum": sum_of("sha1", b"x" * 100)}).begin()
        line.send(b"x" * 60)
        await until(lambda: active.is_active(created.session.pk) and store().size(created.session.storage_key) == 60)
        line.drop()
        await line.finish()
        assert (await request("HEAD", path_of(created))).offset == 0

    asyncio.run(go())
    assert store().size(created.session.storage_key) == 0


def test_a_damaged_start_does_not_condemn_the_file(settings: Any) -> None:
    """The first bytes are judged only once they have proved to be what was sent."""
    settings.UPLOAD_ACCEPT = ""
    start = b"\x1aE\xdf\xa3" + b"\x42\x82\x84webm" + bytes(20)
    created = create_upload(owner=make_user(), length=len(start), file_name="film.webm", declared_type="")

    async def go() -> None:
        damaged = await patch(path_of(created), 0, b"<html>" + start[6:], **{"Upload-Checksum": sum_of("sha256", start)})
        assert damaged.status == 460

    asyncio.run(go())
    assert row(created).state == SessionState.RECEIVING


def test_a_creation_with_a_damaged_body_never_was(upload_dir: Path) -> None:
    token = str(AuthToken.objects.create(make_user())[1])
    headers = {"Upload_Length": "10", "Upload_Metadata": metadata(filename="a.bin"), "Authorization": f"Token {token}", "Content_Type": OFFSET_TYPE}

    async def go() -> None:
        wrong = await request("POST", "/files/", body=b"hell0", **headers | {"Upload_Checksum": sum_of("sha1", b"hello")})
        assert (wrong.status, wrong.headers.get("location")) == (460, None)
        unknown = await request("POST", "/files/", body=b"hello", **headers | {"Upload_Checksum": "md5 AAAA"})
        assert unknown.status == 400

    asyncio.run(go())
    assert (UploadSession.objects.count(), Video.objects.count()) == (0, 0)
    assert [*upload_dir.iterdir()] == []

    async def right() -> None:
        made = await request("POST", "/files/", body=b"hello", **headers | {"Upload_Checksum": sum_of("sha1", b"hello")})
        assert (made.status, made.offset) == (201, 5)

    asyncio.run(right())


@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_a_content_digest_counts_in_both_protocols(name: str) -> None:
    created = upload()

    async def go() -> None:
        wrong = await patch(path_of(created), 0, b"hell0", **{"Content-Digest": digest_of(name, b"hello")})
        assert (wrong.status, wrong.problem["code"]) == (400, "UPLOAD_DIGEST_MISMATCH")
        assert (await patch(path_of(created), 0, b"hello", **{"Content-Digest": f"md5=:AAAA:, {digest_of(name, b'hello')}"})).offset == 5
        malformed = digest_of(name, b"other") + ","
        assert (await patch(path_of(created), 5, b"wor", **{"Content-Digest": malformed})).offset == 8

    asyncio.run(go())


@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
@pytest.mark.parametrize("parts", [[b"helloworld"], [b"hello", b"world"]])
def test_a_file_that_is_not_the_one_promised_is_refused_with_its_last_part(name: str, parts: list[bytes], upload_dir: Path) -> None:
    created = create_upload(owner=make_user(), length=10, file_name="a.bin", declared_type="", promised_digest=digest_of(name, b"h3llow0rld"))

    async def go() -> None:
        offset = 0
        for part in parts:
            answer = await patch(path_of(created), offset, part)
            offset += len(part)
        assert (answer.status, answer.problem["code"]) == (422, "UPLOAD_FILE_DIFFERS")
        assert (await request("HEAD", path_of(created))).status == 410

    asyncio.run(go())
    assert row(created).video is not None
    assert row(created).its_video.error_code == "UPLOAD_FILE_DIFFERS"
    assert [*upload_dir.iterdir()] == []


@pytest.mark.parametrize(("promised", "state"), [(b"helloworld", SessionState.ACCEPTED), (b"h3llow0rld", SessionState.REJECTED)])
@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_the_inspection_holds_a_file_against_its_promise(name: str, promised: bytes, state: str) -> None:
    created = upload()

    async def go() -> None:
        await patch(path_of(created), 0, b"helloworld")

    asyncio.run(go())
    UploadSession.objects.update(promised_digest=digest_of(name, promised))
    inspect_upload(created.session.public_id, attempt=1, stopped=lambda: False)
    assert row(created).state == state
