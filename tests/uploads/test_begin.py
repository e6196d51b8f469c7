"""Uploads begun together: the file before its rows, every limit kept, nothing left of what is refused, and few words with the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone
from knox.models import AuthToken

from notifications.models import Event
from tests.factories import make_user
from tests.uploads.client import Answer, patch, request
from tests.uploads.server import metadata
from uploads import threads
from uploads.endpoint import begin as quick
from uploads.models import ResumeToken, SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.services import begin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _any_content(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def person() -> tuple[User, str]:
    user = make_user()
    return user, AuthToken.objects.create(user)[1]


async def post(token: str, *, length: int = 10, name: str = "clip.mp4", **headers: Any) -> Answer:
    given: dict[str, Any] = {"Upload_Length": str(length), "Upload_Metadata": metadata(filename=name, fingerprint="f"), "Authorization": f"Token {token}"}
    return await request("POST", "/files/", **given | headers)


async def several(token: str, count: int, **asked: Any) -> list[Answer]:
    return await asyncio.gather(*(post(token, name=f"{number}.mp4", **asked) for number in range(count)))


def stored(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_uploads_begun_at_once_have_each_their_rows_and_their_file(person: tuple[User, str], upload_dir: Path) -> None:
    user, token = person
    answers = asyncio.run(several(token, 5))
    assert [answer.status for answer in answers] == [201] * 5
    for number, answer in enumerate(answers):
        session = UploadSession.objects.select_related("video").get(public_id=answer.headers["holdfast-upload"])
        assert (session.state, session.length, session.committed, session.file_name) == (SessionState.RECEIVING, 10, 0, f"{number}.mp4")
        assert (session.owner, session.fingerprint, session.protocol, session.storage_key) == (user, "f", "tus", session.public_id)
        video = session.its_video
        assert (video.public_id, video.state, video.title, video.owner) == (answer.headers["holdfast-video"], VideoState.RECEIVING, f"{number}.mp4", user)
        assert list(Event.objects.filter(video=video).values_list("sentence", "request_id")) == [("Upload started", session.request_id)]
        assert ResumeToken.objects.get(session=session).generation == 1
        assert session.request_id == answer.headers["x-request-id"]
    assert stored(upload_dir) == set(UploadSession.objects.filter(owner=user).values_list("public_id", flat=True))


def test_what_was_begun_together_takes_its_bytes_at_the_address_told(person: tuple[User, str], upload_dir: Path) -> None:
    async def send() -> None:
        for answer in await several(person[1], 3):
            assert (await patch(answer.headers["location"], 0, b"0123456789")).status == 204

    asyncio.run(send())
    assert set(UploadSession.objects.filter(owner=person[0]).values_list("state", flat=True)) == {SessionState.RECEIVED}


def test_a_part_has_no_video(person: tuple[User, str], upload_dir: Path) -> None:
    answer = asyncio.run(post(person[1], Upload_Concat="partial"))
    assert answer.status == 201
    assert "holdfast-video" not in answer.headers
    session = UploadSession.objects.get(public_id=answer.headers["holdfast-upload"])
    assert (session.role, session.video_id) == (UploadRole.PART, None)
    assert not Video.objects.filter(owner=person[0]).exists()


def test_of_uploads_begun_at_once_only_as_many_are_let_in_as_fit_and_nothing_stays_of_the_others(
    person: tuple[User, str], upload_dir: Path, settings: Any
) -> None:
    settings.UPLOAD_USER_OPEN = 3
    answers = asyncio.run(several(person[1], 7))
    refused = [answer for answer in answers if answer.status != 201]
    assert [answer.problem["code"] for answer in refused] == ["UPLOAD_TOO_MANY_OPEN"] * 4
    let_in = set(UploadSession.objects.filter(owner=person[0]).values_list("public_id", flat=True))
    assert len(let_in) == 3
    assert stored(upload_dir) == let_in
    assert Video.objects.filter(owner=person[0]).count() == 3


def test_bytes_are_counted_within_a_batch_too(person: tuple[User, str], upload_dir: Path, settings: Any) -> None:
    settings.UPLOAD_USER_QUOTA, settings.UPLOAD_ALL_QUOTA = 100, 250
    other = AuthToken.objects.create(make_user())[1]
    third = AuthToken.objects.create(make_user())[1]

    async def ask() -> list[Answer]:
        return await asyncio.gather(*(post(token, length=60) for token in (person[1], person[1], other, other, third)))

    answers = asyncio.run(ask())
    assert sorted(answer.status for answer in answers) == [201, 201, 201, 413, 413]
    settings.UPLOAD_USER_QUOTA = 0
    full = asyncio.run(post(person[1], length=80))
    assert (full.status, full.problem["code"]) == (507, "UPLOAD_SERVICE_FULL")


def test_a_revoked_api_token_is_over_at_once(person: tuple[User, str], upload_dir: Path) -> None:
    assert asyncio.run(post(person[1])).status == 201
    AuthToken.objects.filter(user=person[0]).delete()
    assert asyncio.run(post(person[1])).status == 401
    user = make_user()
    token = AuthToken.objects.create(user)[1]
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert asyncio.run(post(token)).status == 401


def test_an_api_token_with_an_end_is_judged_by_knox(upload_dir: Path) -> None:
    user = make_user()
    kept, token = AuthToken.objects.create(user, expiry=timedelta(hours=1))
    assert asyncio.run(post(token)).status == 201
    AuthToken.objects.filter(pk=kept.pk).update(expiry=timezone.now())
    assert asyncio.run(post(token)).status == 401


def test_the_file_is_there_before_its_rows(person: tuple[User, str], upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = begin._insert

    def watched(going: Any) -> Any:
        seen.extend((upload_dir / plan.public_id).exists() for plan, _request in going)
        return real(going)

    monkeypatch.setattr(begin, "_insert", watched)
    assert asyncio.run(post(person[1])).status == 201
    assert seen == [True]


def test_dying_between_file_and_rows_leaves_a_file_nobody_heard_of(person: tuple[User, str], upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database going away in the commit is the same to us as our own death: nobody is told, and the file waits for the reaper."""

    def gone(going: Any) -> Any:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(begin, "_insert", gone)
    assert asyncio.run(post(person[1])).status == 503
    assert len(stored(upload_dir)) == 1
    assert not UploadSession.objects.filter(owner=person[0]).exists()


def test_a_full_disk_leaves_neither_file_nor_rows(person: tuple[User, str], upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from uploads.store import WriteFailed
    from uploads.store.disk import DiskStore

    real = DiskStore.create

    def full(self: DiskStore, key: str) -> None:
        real(self, key)
        raise WriteFailed(written=0, full=True)

    monkeypatch.setattr(DiskStore, "create", full)
    assert asyncio.run(post(person[1])).status == 507
    assert stored(upload_dir) == set()
    assert not UploadSession.objects.filter(owner=person[0]).exists()


def test_what_is_not_plain_goes_the_general_way(person: tuple[User, str], upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("not plain")

    monkeypatch.setattr(quick, "_make", never)
    keyed = [asyncio.run(post(person[1], Idempotency_Key="k")) for _ in range(2)]
    assert len({answer.headers["holdfast-upload"] for answer in keyed}) == 1
    assert asyncio.run(post("x" * 64)).status == 401


class _Counter:
    """Counts what is said to the database, in every thread that asks on behalf of requests."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if '"uploads_uploadsession"."stop_epoch"' not in sql:  # the look-out for newer writers goes by the clock
            self.statements.append(sql)
        return execute(sql, params, many, context)

    def spent(self) -> int:
        """Return how many there were since the last time."""
        count = len(self.statements)
        self.statements.clear()
        return count


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> _Counter:
    counter, here = _Counter(), threading.local()
    real = threads.with_connection

    def counting(work: Callable[[], Any]) -> Any:
        def counted() -> Any:
            if getattr(here, "counting", False):
                return work()
            here.counting = True
            wrapper: AbstractContextManager[Any] = connection.execute_wrapper(counter)
            try:
                with wrapper:
                    return work()
            finally:
                here.counting = False

        return real(counted)

    monkeypatch.setattr(threads, "with_connection", counting)
    return counter


def test_a_request_needs_few_statements(person: tuple[User, str], upload_dir: Path, said: _Counter) -> None:
    """One for the owner; the limits' lock and reading, the rows, the events. One to let in, the lease; offset, task, video, events, wake-up."""

    async def use() -> tuple[int, int, int]:
        created = await post(person[1])
        assert created.status == 201
        first = said.spent()
        assert (await patch(created.headers["location"], 0, b"0123456789")).status == 204
        second = said.spent()
        assert (await request("HEAD", created.headers["location"])).status == 200
        return first, second, said.spent()

    created, sent, asked = asyncio.run(use())
    assert created <= 5
    assert sent <= 7
    assert asked == 1
