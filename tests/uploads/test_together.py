"""Calls of one kind go to the database together, each with its own answer; a fault of one stays its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from notifications.models import Event
from resilience.models import Task
from tests.factories import make_user
from uploads import threads
from uploads.integrity.chain import Segment
from uploads.models import SessionState, UploadSegment, UploadSession, VideoState
from uploads.services.commit import Fenced, commit_offset
from uploads.services.create import Created, create_upload
from uploads.services.lease import Lease, take_lease
from uploads.services.tokens import Authority, resolve
from uploads.threads import database
from uploads.together import Call, Gatherer, answers, together

pytestmark = pytest.mark.django_db(transaction=True)


def made(count: int, *, length: int = 10) -> list[Created]:
    owner = make_user()
    return [create_upload(owner=owner, length=length, file_name=f"{number}.mp4", declared_type="video/mp4") for number in range(count)]


def leases(created: Sequence[Created]) -> list[Lease]:
    taken = [take_lease(one.session.pk) for one in created]
    return [lease for lease in taken if lease is not None]


async def at_once(function: Any, questions: Sequence[tuple[Any, ...]], **same: Any) -> list[Any]:
    """Ask all questions in one turn of the loop, and return each answer or exception."""
    return await asyncio.gather(*(database(function, *question, **same) for question in questions), return_exceptions=True)


def test_calls_made_at_once_are_one_call_of_many() -> None:
    seen: list[list[Any]] = []

    def many(calls: Sequence[Call]) -> list[Any]:
        seen.append([call.args[0] for call in calls])
        return [call.args[0] * 2 for call in calls]

    @together(many)
    def double(number: int) -> int:
        raise AssertionError("not alone")

    async def ask() -> list[Any]:
        return await at_once(double, [(number,) for number in range(5)])

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8]
    assert seen == [[0, 1, 2, 3, 4]]


def test_what_fails_together_is_done_one_by_one_and_hits_its_own_call_only() -> None:
    def many(calls: Sequence[Call]) -> list[Any]:
        if any(call.args[0] == "bad" for call in calls):
            raise ValueError("bad")
        return [call.args[0] for call in calls]

    calls = [Call((text,), {}, "") for text in ("a", "bad", "b")]
    first, second, third = answers(many, calls)
    assert (first, third) == ("a", "b")
    assert isinstance(second, ValueError)


def test_a_broken_connection_is_nobodys_reason_to_do_things_twice() -> None:
    tried: list[int] = []

    def many(calls: Sequence[Call]) -> list[Any]:
        tried.append(len(calls))
        connection.ensure_connection()
        connection.connection.close()
        raise OperationalError("the server closed the connection")

    assert all(isinstance(answer, OperationalError) for answer in answers(many, [Call((), {}, ""), Call((), {}, "")]))
    assert tried == [2]
    connection.close()


@pytest.mark.parametrize("ended", [False, True])
def test_nobody_waits_for_ever_where_a_batch_cannot_even_be_run(ended: bool) -> None:
    def run(calls: Sequence[Call]) -> list[Any]:
        raise OSError("no descriptors left")

    async def ask() -> list[Any]:
        pool = ThreadPoolExecutor(1)
        if ended:
            pool.shutdown()
        gatherer = Gatherer(run, pool)
        try:
            rounds = [await asyncio.wait_for(asyncio.gather(*(gatherer.ask(Call((), {}, "")) for _ in range(3)), return_exceptions=True), 10) for _ in range(2)]
        finally:
            pool.shutdown()
        return [type(answer) for answers in rounds for answer in answers]

    assert asyncio.run(ask()) == [RuntimeError if ended else OSError] * 6


def test_one_batch_that_waits_does_not_hold_up_the_next() -> None:
    go_on = threading.Event()

    def many(calls: Sequence[Call]) -> list[Any]:
        if calls[0].args[0] == "slow":
            assert go_on.wait(60)
        return [call.args[0] for call in calls]

    @together(many)
    def say(word: str) -> str:
        return word

    async def ask() -> tuple[str, str]:
        slow = asyncio.create_task(database(say, "slow"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        quick = await database(say, "quick")
        go_on.set()
        return await slow, quick

    assert asyncio.run(ask()) == ("slow", "quick")


def test_files_that_arrive_at_once_are_handed_over_by_one_transaction_and_each_is_told_of() -> None:
    created = made(4)
    held = leases(created)

    async def arrive() -> list[Any]:
        segments = Segment(0, 10, "0" * 64, "1" * 64)
        return await at_once(commit_offset, [(lease,) for lease in held], old=0, new=10, last=True, segment=segments)

    for one, told in zip(created, asyncio.run(arrive()), strict=True):
        session = UploadSession.objects.select_related("video").get(pk=one.session.pk)
        assert told == session.expires_at
        assert (session.state, session.committed, session.lease_owner, session.chain) == (SessionState.RECEIVED, 10, "", "1" * 64)
        assert session.its_video.state == VideoState.CHECKING
        assert Task.objects.filter(kind="uploads.inspect", key=session.public_id, payload={"session_id": session.public_id}).count() == 1
        said = list(Event.objects.filter(video=session.video).order_by("id").values_list("sentence", flat=True))
        assert said == ["Upload started", "Upload received: 10 bytes", "Checking the file"]
    assert UploadSegment.objects.filter(session__in=[one.session.pk for one in created]).count() == 4


def test_of_several_commits_a_fenced_one_fails_alone_and_a_repeated_one_does_nothing() -> None:
    created = made(3)
    first, second, third = leases(created)
    commit_offset(second, old=0, new=10, last=True)
    UploadSession.objects.filter(pk=third.session_id).update(epoch=third.epoch + 1)

    async def commit() -> list[Any]:
        return await at_once(commit_offset, [(first,), (second,), (third,)], old=0, new=10, last=True)

    good, repeated, fenced = asyncio.run(commit())
    assert (good, repeated) == (created[0].session.expires_at, None)
    assert isinstance(fenced, Fenced)
    assert Task.objects.filter(kind="uploads.inspect", key=created[1].session.public_id).count() == 1
    assert UploadSession.objects.get(pk=third.session_id).committed == 0


def test_two_writers_of_one_upload_never_get_the_same_epoch() -> None:
    (one,) = made(1)

    async def take() -> list[Any]:
        return await at_once(take_lease, [(one.session.pk,), (one.session.pk,)])

    epochs = [lease.epoch for lease in asyncio.run(take())]
    assert len(set(epochs)) == 2


def test_each_secret_opens_its_own_upload() -> None:
    created = made(3)

    async def ask() -> list[Any]:
        return await at_once(resolve, [(one.secret, "status") for one in created] + [("upt_" + "x" * 43, "status"), ("nonsense", "status")])

    *opened, unknown, nonsense = asyncio.run(ask())
    assert [authority.session.pk for authority in opened if isinstance(authority, Authority)] == [one.session.pk for one in created]
    assert type(unknown) is type(nonsense)


def test_a_connection_whose_server_has_gone_is_exchanged_before_it_is_used() -> None:
    threads.with_connection(connection.ensure_connection)
    kept = connection.connection
    if kept is None or kept.closed:
        connection.ensure_connection()
        kept = connection.connection
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    finally:
        other.close()

    def ask() -> int:
        return UploadSession.objects.filter(pk=0).count()

    assert threads.with_connection(ask) == 0
