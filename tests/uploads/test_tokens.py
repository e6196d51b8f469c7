"""Resume tokens on every verb, through the API, and in nobody's log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.factories import make_session, make_user
from tests.uploads.client import Answer, patch, patch_line, request, writers
from tests.uploads.server import Server, metadata
from uploads.errors import ContinuedElsewhere, ScopeMissing, UploadNotFound
from uploads.models import ResumeToken, SessionState, UploadSession, Video
from uploads.services.create import create_upload
from uploads.services.lease import take_lease
from uploads.services.tokens import issue_token, resolve, revoke_tokens
from uploads.threads import database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def api(owner: User) -> APIClient:
    asking = APIClient()
    asking.force_login(owner)
    return asking


@pytest.fixture
def session(owner: User) -> UploadSession:
    return create_upload(owner=owner, length=10, file_name="a.bin", declared_type="", fingerprint="print-1").session


def run(test: Awaitable[None]) -> None:
    async def inner() -> None:
        await test

    asyncio.run(inner())


async def ask(verb: str, path: str, **headers: str) -> Answer:
    return await (patch(path, 0, b"hello", **headers) if verb == "PATCH" else request(verb, path, **headers))


VERBS = {"PATCH": ("append", 204), "HEAD": ("status", 200), "GET": ("status", 409), "DELETE": ("cancel", 204)}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("way", ["address", "bearer"])
def test_every_verb_asks_for_its_own_scope(verb: str, way: str, session: UploadSession) -> None:
    scope, status = VERBS[verb]

    async def go(scopes: tuple[str, ...], wanted: int) -> None:
        secret = await database(issue_token, session, scopes=scopes)
        given = {} if way == "address" else {"Authorization": f"Bearer {secret}"}
        answer = await ask(verb, f"/files/{secret if way == 'address' else session.public_id}", **given)
        assert answer.status == wanted, answer

    run(go(tuple({"append", "status", "cancel"} - {scope}), 403))
    run(go((scope,), status))


def test_whatever_is_wrong_with_a_secret_the_answer_and_the_work_are_the_same(session: UploadSession, owner: User) -> None:
    other = make_session(state=SessionState.RECEIVING)
    wrong: list[tuple[str, str, str]] = [("upt_" + "x" * 43, "append", ""), ("upt_" + "x" * 43, "append", "upl_" + "0" * 20)]
    wrong.append(("upt_" + "x" * 43, "append", session.public_id))
    wrong.append((issue_token(session), "append", other.public_id))
    narrow = create_upload(owner=owner, length=10, file_name="b.bin", declared_type="").session
    wrong.append((issue_token(narrow, scopes=("status",)), "append", other.public_id))
    revoked = create_upload(owner=owner, length=10, file_name="c.bin", declared_type="")
    revoke_tokens(revoked.session)
    wrong.append((revoked.secret, "append", ""))
    late = create_upload(owner=owner, length=10, file_name="d.bin", declared_type="")
    ResumeToken.objects.filter(session=late.session).update(expires_at=Now() - timedelta(seconds=1))
    wrong.append((late.secret, "append", ""))
    for secret, scope, public_id in wrong:
        with (
            CaptureQueriesContext(
                connection,
            ) as asked,
            pytest.raises(UploadNotFound) as told,
        ):
            resolve(secret, scope, public_id=public_id)
        assert (len(asked), told.value.detail, told.value.fields) == (1, UploadNotFound().detail, {}), (secret, scope, public_id)


def test_a_token_slides_by_the_clock_of_the_database(session: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = issue_token(session)
    soon = timezone.now() + timedelta(hours=1)
    ResumeToken.objects.update(expires_at=soon)
    monkeypatch.setattr(timezone, "now", lambda: soon - timedelta(days=300))
    resolve(secret, "status")
    assert soon + timedelta(days=6) < ResumeToken.objects.latest("generation").expires_at < soon + timedelta(days=8)


def test_the_earlier_of_two_tabs_is_told_that_the_upload_goes_on_elsewhere(session: UploadSession) -> None:
    async def go() -> None:
        first = await database(issue_token, session)
        writing = patch_line(f"/files/{first}", 0, length=10)
        writing.send(b"hel")
        await writers(1)
        second = await database(issue_token, session)
        stopped = await writing.finish()
        assert (stopped.status, stopped.problem["code"]) == (409, "UPLOAD_TAKEN_OVER")
        for verb in VERBS:
            answer = await ask(verb, f"/files/{first}")
            assert (answer.status, answer.headers["holdfast-problem"]) == (423, "UPLOAD_CONTINUED_ELSEWHERE")
            assert "upload-offset" not in answer.headers
        told = (await ask("PATCH", f"/files/{first}")).problem
        assert (told["retryable"], told["actions"][0]["href"]) == (False, "/")
        assert (await patch(f"/files/{second}", 3, b"lo world")).status == 413
        assert (await patch(f"/files/{second}", 3, b"lo worl")).offset == 10

    run(go())


def test_a_revoked_address_is_as_unknown_as_any_other_also_one_that_was_replaced_before(api: APIClient, session: UploadSession) -> None:
    first, second = issue_token(session), issue_token(session)
    with pytest.raises(ContinuedElsewhere):
        resolve(first, "status")
    for _ in range(2):
        assert api.delete(f"/api/v1/uploads/{session.public_id}/token").status_code == 204
    assert not ResumeToken.objects.filter(session=session, revoked_at=None).exists()
    issue_token(session)
    for secret in (first, second):
        with pytest.raises(UploadNotFound):
            resolve(secret, "status")


def test_revoking_stops_a_writer_and_keeps_what_it_sent(api: APIClient, session: UploadSession) -> None:
    async def go() -> None:
        secret = await database(issue_token, session)
        writing = patch_line(f"/files/{secret}", 0, length=10)
        writing.send(b"hello")
        await writers(1)
        assert (await database(api.delete, f"/api/v1/uploads/{session.public_id}/token")).status_code == 204
        assert (await writing.finish()).status == 409
        assert (await patch(f"/files/{secret}", 5, b"world")).status == 404

    run(go())
    session.refresh_from_db()
    assert (session.committed, session.state) == (5, SessionState.RECEIVING)


def test_a_request_let_in_just_before_all_was_revoked_writes_nothing(session: UploadSession) -> None:
    revoke_tokens(session)
    assert take_lease(session.pk) is None
    issue_token(session)
    assert take_lease(session.pk) is not None


def test_a_fresh_token_may_be_narrow_and_short(api: APIClient, session: UploadSession) -> None:
    answer = api.post(f"/api/v1/uploads/{session.public_id}/token", {"scopes": ["status"], "lifetime": 60}, format="json")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    assert (told["scopes"], told["generation"]) == (["status"], 2)
    token = ResumeToken.objects.get(generation=2)
    assert token.expires_at == token.absolute_expires_at
    assert token.absolute_expires_at - token.created_at == timedelta(seconds=60)
    secret = told["upload_url"].removeprefix("/files/")
    assert resolve(secret, "status").session == session
    with pytest.raises(ScopeMissing, match="send more of the file"):
        resolve(secret, "append")


@pytest.mark.parametrize("wish", [{"scopes": []}, {"scopes": ["admin"]}, {"lifetime": 1}, {"lifetime": "long"}])
def test_a_wish_that_makes_no_sense_changes_nothing(wish: dict[str, Any], api: APIClient, session: UploadSession) -> None:
    assert api.post(f"/api/v1/uploads/{session.public_id}/token", wish, format="json").status_code == 400
    assert list(ResumeToken.objects.values_list("generation", "revoked_at")) == [(1, None)]


def test_no_token_lives_longer_than_the_longest_life(api: APIClient, session: UploadSession, settings: Any) -> None:
    api.post(f"/api/v1/uploads/{session.public_id}/token", {"lifetime": 10**15}, format="json")
    token = ResumeToken.objects.get(generation=2)
    assert token.absolute_expires_at - token.created_at == 4 * timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)


def test_another_device_finds_an_unfinished_upload_by_its_fingerprint_and_goes_on(api: APIClient, session: UploadSession, owner: User) -> None:
    create_upload(owner=owner, length=10, file_name="b.bin", declared_type="", fingerprint="print-2")
    done = create_upload(owner=owner, length=10, file_name="a.bin", declared_type="", fingerprint="print-1").session
    UploadSession.objects.filter(pk=done.pk).update(state=SessionState.ACCEPTED, committed=10)
    over = create_upload(owner=owner, length=10, file_name="a.bin", declared_type="", fingerprint="print-1").session
    UploadSession.objects.filter(pk=over.pk).update(expires_at=Now() - timedelta(seconds=1))
    create_upload(owner=make_user(), length=10, file_name="a.bin", declared_type="", fingerprint="print-1")

    def ids(**asked: str) -> set[str]:
        return {found["id"] for found in api.get("/api/v1/uploads", asked).json()["results"]}

    assert ids(state="open", fingerprint="print-1") == {session.public_id}
    assert ids(state="open", fingerprint="print-3") == set()
    assert ids(fingerprint="print-1") == {session.public_id, done.public_id, over.public_id}
    assert ids(state="accepted") == {done.public_id}
    fresh = api.post(f"/api/v1/uploads/{session.public_id}/token").json()["upload_url"]
    run(_send_all(fresh))
    assert ids(state="open", fingerprint="print-1") == set()


async def _send_all(path: str) -> None:
    assert (await request("HEAD", path)).offset == 0
    assert (await patch(path, 0, b"0123456789")).status == 204


def test_a_lost_201_leaves_no_second_upload_and_its_lost_address_opens_nothing(owner: User, upload_dir: Path) -> None:
    token = AuthToken.objects.create(owner)[1]
    given = {"Upload_Length": "10", "Upload_Metadata": metadata(filename="a.bin"), "Authorization": f"Token {token}", "Idempotency_Key": "once"}

    async def go() -> None:
        lost = await request("POST", "/files/", **given)
        again = await request("POST", "/files/", **given)
        assert (lost.status, again.status) == (201, 201)
        assert (await request("HEAD", lost.headers["location"])).status == 423
        await _send_all(again.headers["location"])

    run(go())
    assert (UploadSession.objects.count(), Video.objects.count(), len(list(upload_dir.iterdir()))) == (1, 1, 1)
    assert ResumeToken.objects.filter(revoked_at=None).count() == 1


def test_no_secret_is_ever_logged(owner: User, session: UploadSession, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole upload at DEBUG, with every kind of refusal on its way."""
    key = str(AuthToken.objects.create(owner)[1])
    secrets = [key, issue_token(session), issue_token(session)]
    caplog.set_level(logging.DEBUG)

    async def go() -> None:
        created = await request("POST", "/files/", Upload_Length="10", Upload_Metadata=metadata(filename="a.bin"), Authorization=f"Token {key}")
        path = created.headers["location"]
        secrets.append(path.removeprefix("/files/"))
        for address in (path, *(f"/files/{secret}" for secret in secrets[1:3])):
            assert (await patch(address, 3, b"wrong")).status in (409, 423)
            await request("HEAD", address)
            await request("PUT", address)
            await request("HEAD", f"/files/{created.headers['holdfast-upload']}", Authorization=f"Bearer {address.removeprefix('/files/')}")
        dropped = patch_line(path, 0, length=10)
        dropped.send(b"hello")
        dropped.drop()
        await dropped.finish()
        assert (await patch(path, 5, b"world")).status == 204
        assert (await request("GET", path)).body == b"helloworld"
        assert (await request("DELETE", path)).status == 204

    with CaptureQueriesContext(connection):
        run(go())
    written = "\n".join([caplog.text, *(f"{record.__dict__}" for record in caplog.records), *capsys.readouterr()])
    assert "upload.request" in written
    assert not [secret for secret in secrets if secret[4:30] in written]


def test_no_secret_is_in_the_log_of_a_running_server(server: Server) -> None:
    with Server(server.admin_url, LOG_LEVEL="DEBUG") as talkative:
        path = talkative.address(talkative.create(10))
        assert talkative.patch(path, 0, b"hello").status_code == 204
        assert talkative.patch(path, 0, b"hello").status_code == 409
        assert talkative.offset(path) == 5
        assert talkative.patch(path, 5, b"world").status_code == 204
        log = talkative.log_path.read_text()
        assert log.count("upload.request") >= 5
        assert path.rpartition("/")[2] not in log
        assert talkative.token not in log
