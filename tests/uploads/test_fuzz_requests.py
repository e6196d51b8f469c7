"""Whatever a request's headers say, the server answers, readably, and a refusal leaves everything as it was."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import OFFSET_TYPE, Answer, Line
from uploads.models import SessionState, UploadSession, Video
from uploads.services.create import Created, create_upload
from uploads.services.undo import undo_creation

pytestmark = pytest.mark.django_db(transaction=True)

LENGTH, HELD, BODY = 12, b"hello", b"wor"
NAMES = [
    "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Checksum", "Upload-Concat",
    "Upload-Complete", "Upload-Draft-Interop-Version", "Upload-Limit", "Content-Type", "Content-Length", "Transfer-Encoding",
    "Content-Digest", "Repr-Digest", "Content-Disposition", "X-HTTP-Method-Override", "Authorization", "Cookie", "Origin", "Sec-Fetch-Site",
    "Host", "Idempotency-Key", "Range", "If-Range", "If-None-Match", "Expect", "X-Request-ID", "traceparent", "Prefer", "X-Forwarded-For",
]  # fmt: skip
PAIR = base64.b64encode(b"a\x00\xff\xe2\x80\xae.mp4").decode()
NEARLY_RIGHT = [
    "1.0.0", "0.2.2", "1.0.0,1.0.0", "0", "5", "12", "13", "-1", "1.5", "0x1", "+5", " 5", "5,5", "0,0", "1_0", str(2**63 - 1), str(2**63), "9" * 26, "1e3",
    "?0", "?1", "?2", "1", "8", "6", "99", OFFSET_TYPE, "application/partial-upload", f"{OFFSET_TYPE}; charset=x", "chunked", "identity", "100-continue",
    "partial", "final", "final;", "final;/files/x", "final;/files/a /files/b", f"filename {PAIR}", f"filename {PAIR},filename {PAIR}", "filename !!", ",", " ",
    "sha1 AAAA", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "md5 AAAA", "crc32", "sha-256=:AAAA:", "sha-256=::", "sha-256=:" + "A" * 43 + "=:, sha-512=x", "x=1;y",
    "attachment; filename=\"a\\", "attachment; filename*=UTF-8''%00%ff", "attachment; filename*=nosuch''%41", "Token x", "Bearer", "Bearer upt_x", "Token \x00",
    "null", "http://[", "https://evil.example", "same-origin", "bytes=0-", "bytes=-1", "bytes=9-1", "bytes=" + "9" * 30 + "-", "*", "sessionid=\x00",
    "00-00000000000000000000000000000000-0000000000000000-00", "GET", "PATCH", "delete", "PROPFIND", "\u0665", "max-size=1",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(NEARLY_RIGHT).map(lambda text: text.encode("utf-8")),
    st.sampled_from(NEARLY_RIGHT).map(lambda text: text.encode("utf-8") + b"\x00"),
    st.integers(min_value=-(10**40), max_value=10**40).map(lambda number: str(number).encode()),
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"A" * 9000, b"," * 5000, b"a b," * 2000, b"(" * 3000, b'"' + b"\\" * 4000]),
)
CHUNKED = [("Transfer-Encoding", b"chunked")]
ODD = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), min_size=1, max_size=4)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
FEW = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"
    settings.UPLOAD_READ_TIMEOUT_SECONDS = 5.0


async def ask(method: str, path: str, headers: list[tuple[str, bytes]], *, body: bytes) -> Answer:
    line = Line(method, path, {})
    line.scope["headers"] = [(name.lower().encode(), value) for name, value in headers]
    line.send(body, more=False)
    return await line.begin().finish()


def mixed(usual: dict[str, str], odd: list[tuple[str, bytes]], *, also: bool) -> list[tuple[str, bytes]]:
    """The usual headers with odd ones instead of them, or beside them (`also`)."""
    replaced = {name.lower() for name, _value in odd}
    kept = [(name, value.encode()) for name, value in usual.items() if also or name.lower() not in replaced]
    return kept + odd


def readable(answer: Answer, *, bodyless: bool) -> None:
    """Not a fault of ours, no header that would split, and a problem that programs and people can read."""
    assert 200 <= answer.status < 500, (answer.status, answer.body)
    for name, value in answer.headers.items():
        assert not set(name + value) & {"\r", "\n", "\x00"}, (name, value)
    if answer.status >= 400 and not bodyless:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status
        assert all(isinstance(problem[key], str) and problem[key] for key in ("code", "title", "detail")), problem
        assert "upt_" not in answer.body.decode(), "a token in a problem ends up in logs"
        event(problem["code"])


def rows_and_files(root: Path) -> tuple[Any, ...]:
    sessions = UploadSession.objects.order_by("pk").values_list("pk", "state", "committed", "length", "metadata", "file_name", "storage_key", "chain", "sha256")
    files = sorted((found.name, found.read_bytes()) for found in root.iterdir()) if root.is_dir() else []
    return list(sessions), list(Video.objects.order_by("pk").values_list("pk", "state", "title")), files


def half_sent() -> Created:
    created = create_upload(owner=make_user(), length=LENGTH, file_name="a.bin", declared_type="")
    usual = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": OFFSET_TYPE, "Content-Length": str(len(HELD))}
    answer = asyncio.run(ask("PATCH", f"/files/{created.secret}", [(name, value.encode()) for name, value in usual.items()], body=HELD))
    assert answer.status == 204
    return created


@FEW
@given(
    odd=ODD, also=st.booleans(), length=st.sampled_from(["Upload-Length", "Upload-Defer-Length"]), draft=st.booleans(), body=st.sampled_from([b"", b"x", BODY])
)
@example(odd=CHUNKED, also=True, length="Upload-Length", draft=True, body=BODY)  # more than announced: the draft ends an upload for it
@example(odd=CHUNKED, also=True, length="Upload-Length", draft=False, body=BODY)
@example(odd=[*CHUNKED, ("Upload-Complete", b"?1")], also=False, length="Upload-Length", draft=True, body=b"")  # less than announced
def test_a_creation_is_made_or_refused_whole(upload_dir: Path, odd: list[tuple[str, bytes]], also: bool, length: str, draft: bool, body: bytes) -> None:
    token = AuthToken.objects.create(make_user())[1]
    usual = {length: "1", "Authorization": f"Token {token}", "Upload-Metadata": f"filename {PAIR}"}
    usual |= {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0"} if draft else {"Tus-Resumable": "1.0.0"}
    usual |= {"Content-Length": str(len(body)), "Content-Type": OFFSET_TYPE} if body else {}
    before = rows_and_files(upload_dir)
    answer = asyncio.run(ask("POST", "/files/", mixed(usual, odd, also=also), body=body))
    readable(answer, bodyless=False)
    if answer.status >= 400:
        assert rows_and_files(upload_dir) == before


@FEW
@given(odd=ODD, also=st.booleans(), draft=st.booleans())
@example(odd=[*CHUNKED, ("Upload-Length", b"6")], also=True, draft=True)
@example(odd=[*CHUNKED, ("Upload-Offset", b"11")], also=False, draft=True)
def test_an_append_is_taken_or_refused_whole(upload_dir: Path, odd: list[tuple[str, bytes]], also: bool, draft: bool) -> None:
    created = half_sent()
    usual = {"Upload-Offset": str(len(HELD)), "Content-Length": str(len(BODY))}
    own = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0", "Content-Type": "application/partial-upload"}
    usual |= own if draft else {"Tus-Resumable": "1.0.0", "Content-Type": OFFSET_TYPE}
    before = rows_and_files(upload_dir)
    answer = asyncio.run(ask("PATCH", f"/files/{created.secret}", mixed(usual, odd, also=also), body=BODY))
    readable(answer, bodyless=False)
    session = UploadSession.objects.get(pk=created.session.pk)
    assert session.committed >= len(HELD)
    if session.state in (SessionState.ABORTED, SessionState.REJECTED):  # canceled by another method, or an overflow, for which the draft ends it
        assert not (upload_dir / session.storage_key).exists()
    elif answer.status >= 400:
        assert rows_and_files(upload_dir) == before
    if session.state == SessionState.RECEIVING:
        stored = (upload_dir / session.storage_key).read_bytes()
        assert stored[: session.committed] == (HELD + BODY)[: session.committed]


@FEW
@given(method=st.sampled_from(["HEAD", "GET", "OPTIONS", "POST", "PUT", "TRACE"]), odd=ODD, also=st.booleans())
def test_asking_changes_nothing(upload_dir: Path, method: str, odd: list[tuple[str, bytes]], also: bool) -> None:
    created = half_sent()
    before = rows_and_files(upload_dir)
    odd = [(name, value) for name, value in odd if name != "X-HTTP-Method-Override"]  # it may make another method of it
    answer = asyncio.run(ask(method, f"/files/{created.secret}", mixed({"Tus-Resumable": "1.0.0"}, odd, also=also), body=b""))
    readable(answer, bodyless=method == "HEAD")
    assert rows_and_files(upload_dir) == before


@FEW
@given(method=st.sampled_from(["HEAD", "GET", "PATCH", "DELETE", "POST"]), path=st.text(max_size=60), odd=ODD)
def test_an_address_that_is_none_of_ours_is_no_fault(upload_dir: Path, method: str, path: str, odd: list[tuple[str, bytes]]) -> None:
    before = rows_and_files(upload_dir)
    answer = asyncio.run(ask(method, f"/files/{path}", mixed({"Tus-Resumable": "1.0.0"}, odd, also=True), body=b""))
    readable(answer, bodyless=method == "HEAD")
    assert rows_and_files(upload_dir) == before


REFUSED = [
    ({"Upload-Length": "-1"}, b""),
    ({"Upload-Length": "1", "Transfer-Encoding": "chunked", "Content-Type": OFFSET_TYPE}, BODY),
    ({"Upload-Length": "3", "Content-Length": "3", "Content-Type": OFFSET_TYPE, "Upload-Checksum": "sha1 " + "A" * 27 + "="}, BODY),
    ({"Upload-Length": "1", "Upload-Metadata": ",a"}, b""),
    ({"Upload-Concat": "final;/files/x"}, b""),
]


@settings(FEW, max_examples=max(3, EXAMPLES // 20))
@given(picked=st.lists(st.sampled_from(REFUSED), min_size=2, max_size=12), key=st.booleans())
def test_refusals_at_the_same_moment_leave_nothing(upload_dir: Path, picked: list[tuple[dict[str, str], bytes]], key: bool) -> None:
    """Under one idempotency key each goes on with the upload of the one before, so the last of them may still stand, and no other."""
    token = str(AuthToken.objects.create(make_user())[1])
    usual = {"Tus-Resumable": "1.0.0", "Authorization": f"Token {token}"} | ({"Idempotency-Key": "k"} if key else {})
    before = rows_and_files(upload_dir)

    async def all_of_them() -> list[Answer]:
        asked = [ask("POST", "/files/", [(name, value.encode()) for name, value in (usual | own).items()], body=body) for own, body in picked]
        return list(await asyncio.gather(*asked))

    for answer in asyncio.run(all_of_them()):
        readable(answer, bodyless=False)
        assert answer.status >= 400 or key
    sessions, videos, files = rows_and_files(upload_dir)
    if key:
        assert max(len(sessions) - len(before[0]), len(videos) - len(before[1]), len(files) - len(before[2])) <= 1
    else:
        assert (sessions, videos, files) == before


@pytest.mark.parametrize("again", [False, True])
def test_a_refused_creation_does_not_take_the_upload_from_whoever_sent_it_again(again: bool) -> None:
    """The first request under a key is damaged and comes to its end after the second, which was right, has begun to go on with it."""
    token = str(AuthToken.objects.create(make_user())[1])
    usual = {"Tus-Resumable": "1.0.0", "Authorization": f"Token {token}", "Upload-Length": "3", "Idempotency-Key": "k"}
    created = create_upload(owner=AuthToken.objects.get().user, length=3, file_name="", declared_type="", idempotency_key="k")
    if again:
        assert asyncio.run(ask("POST", "/files/", [(name, value.encode()) for name, value in usual.items()], body=b"")).status == 201
    undo_creation(created.session, secret=created.secret)
    assert UploadSession.objects.filter(idempotency_key="k", state=SessionState.RECEIVING).count() == int(again)
    assert Video.objects.count() == int(again)
