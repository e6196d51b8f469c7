"""The 10,000 part numbers of a multipart upload: what writers that die cost, and what happens when the numbers run short."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.circuits import CircuitOpen
from tests.factories import make_user
from tests.s3 import KEYS, FakeS3, running
from uploads.append import checkpoints
from uploads.errors import PartsUsedUp, StorageAway
from uploads.models import RemoteFile, SessionState, UploadPart, UploadSession
from uploads.services.create import create_upload
from uploads.store import WriteFailed, store
from uploads.store.s3 import client, numbers, rows
from uploads.store.s3.numbers import LAST_NUMBER, MOST_GROWTH, TAIL_NUMBER, next_size, part_size_for

from .client import patch, request

MIB = 2**20
GIB = 2**30
IN_HAND = checkpoints.MOST_PENDING * 2 + 1  # parts of 8 MiB that a writer may have sent and not committed: 64 MiB, and the one it sends


def parts_needed(length: int, *, deaths: Iterator[int]) -> int:
    """Send a file part by part; `deaths` says how many numbers are lost before each part. Return the numbers spent on parts that count."""
    size = part_size_for(length, least=8 * MIB)
    at, number, counted = 0, 1, 0
    while True:
        number += next(deaths, 0)
        step = next_size(part_size=size, remaining=length - at, next_part=number)
        assert step is not None, f"used up at {at} of {length}"
        assert size <= step <= numbers.largest_part(size)
        if length - at < step:
            return counted  # what remains is the tail
        assert number <= LAST_NUMBER
        at, number, counted = at + step, number + 1, counted + 1


@pytest.mark.parametrize(
    ("length", "parts", "spare"),
    [
        (5 * GIB, 640, 9_300),  # 1,033 deaths with nine parts in hand each
        (50 * GIB, 6_400, 3_200),  # 355
        (5 * 2**40, 8_992, 990),  # 110, the least there is
    ],
)
def test_what_a_file_may_lose_at_any_moment(length: int, parts: int, spare: int) -> None:
    assert IN_HAND == 9
    assert parts_needed(length, deaths=iter([])) == parts
    for moment in (0, parts // 4, parts // 2, parts - 1):
        assert parts_needed(length, deaths=iter([*[0] * moment, spare])) <= parts


def test_deaths_at_the_start_cost_nothing_but_larger_parts() -> None:
    assert parts_needed(70 * GIB, deaths=iter([8_700])) < 8_960 / 6
    assert parts_needed(5 * 2**40, deaths=iter([5_400])) < 8_992 / 1.9


def test_a_part_that_grows_fits_into_memory_and_into_s3() -> None:
    sizes = [size // MIB for size in map(numbers.largest_part, (5 * MIB, 8 * MIB, 64 * MIB, 583 * MIB, 5 * GIB))]
    assert sizes == [40, 64, 256, 1166, 5120]


@given(st.integers(1, 5 * 2**40), st.integers(0, 2**32), st.integers(1, IN_HAND))
def test_a_hundred_deaths_at_any_moments_end_no_upload(length: int, seed: int, in_hand: int) -> None:
    chance = random.Random(seed)
    size = part_size_for(length, least=8 * MIB)
    moments = {chance.randrange(max(1, length // size)): 0 for _ in range(100)}
    for _ in range(100):
        moments[chance.choice(list(moments))] += in_hand
    parts_needed(length, deaths=(moments.get(at, 0) for at in range(10_000)))


def test_what_cannot_be_finished_is_known_before_a_byte_is_taken() -> None:
    assert next_size(part_size=8 * MIB, remaining=70 * GIB, next_part=LAST_NUMBER - 100) is None
    assert next_size(part_size=8 * MIB, remaining=9 * MIB, next_part=TAIL_NUMBER) == MOST_GROWTH * 8 * MIB, "the tail needs no number"
    assert next_size(part_size=8 * MIB, remaining=64 * MIB, next_part=TAIL_NUMBER) is None
    assert next_size(part_size=8 * MIB, remaining=1, next_part=TAIL_NUMBER + 1) is None, "the tail's own number was given out"


@pytest.fixture(scope="module")
def small_parts() -> Iterator[FakeS3]:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as fake:
        yield fake


@pytest.fixture
def upload(small_parts: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> tuple[str, UploadSession, bytes]:
    """An upload of 9 MiB and a bit in parts of 1 MiB."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    small_parts.empty()
    settings.UPLOAD_ACCEPT = "*"
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL, settings.S3_PART_SIZE = "s3", small_parts.bucket, small_parts.url, MIB
    data = os.urandom(9 * MIB + 77)
    made = create_upload(owner=make_user(), length=len(data), file_name="a.bin", declared_type="")
    return f"/files/{made.secret}", made.session, data


def lose(session: UploadSession, next_part: int) -> None:
    """Writers died, and all numbers below this one are gone."""
    rows.layout_of(session.storage_key)
    RemoteFile.objects.filter(session=session).update(next_part=next_part)


def read_whole(session: UploadSession) -> bytes:
    session.refresh_from_db()
    return store().reader(session.storage_key).read(first=0, count=(session.length or 0) + 1)


def test_parts_grow_when_numbers_run_short(upload: tuple[str, UploadSession, bytes]) -> None:
    path, session, data = upload
    assert asyncio.run(patch(path, 0, data[: 2 * MIB])).status == 204
    lose(session, LAST_NUMBER - 3)
    assert asyncio.run(patch(path, 2 * MIB, data[2 * MIB :])).status == 204
    sizes = list(UploadPart.objects.filter(session=session).order_by("number").values_list("number", "size"))
    assert sizes == [(1, MIB), (2, MIB), (9996, 3 * MIB), (9997, 3 * MIB)], "and the rest is the tail"
    assert read_whole(session) == data


def test_the_last_bytes_need_no_number(upload: tuple[str, UploadSession, bytes]) -> None:
    path, session, data = upload
    assert asyncio.run(patch(path, 0, data[: 4 * MIB])).status == 204
    lose(session, TAIL_NUMBER)
    assert asyncio.run(patch(path, 4 * MIB, data[4 * MIB :])).status == 204
    assert read_whole(session) == data


def test_without_numbers_nothing_more_is_taken_and_the_owner_is_told(upload: tuple[str, UploadSession, bytes], small_parts: FakeS3) -> None:
    path, session, data = upload
    assert asyncio.run(patch(path, 0, data[:MIB])).status == 204
    lose(session, TAIL_NUMBER)
    before = small_parts.objects()
    for _again in range(2):
        answer = asyncio.run(patch(path, MIB, data[MIB:]))
        assert (answer.status, answer.problem["code"]) == (409, "UPLOAD_PARTS_USED_UP")
        assert "upload-offset" not in answer.headers
    assert asyncio.run(request("HEAD", path)).offset == MIB
    assert small_parts.objects() == before
    assert asyncio.run(request("DELETE", path)).status == 204
    assert (small_parts.objects(), small_parts.multiparts()) == ({}, [])


def test_while_s3_is_known_to_be_away_no_number_is_spent(upload: tuple[str, UploadSession, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path, session, data = upload
    here = 2 * MIB + 5
    assert asyncio.run(patch(path, 0, data[:here])).status == 204
    real, away = client.call, iter([StorageAway(retry_after=1), *[CircuitOpen(circuit="s3", retry_after=1.0)] * 7])

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        if operation == "upload_part" and (failure := next(away, None)):
            raise failure
        return real(operation, **arguments)

    with monkeypatch.context() as broken:
        broken.setattr(client, "call", call)
        for _ in range(8):
            writer = store().open(session.storage_key)
            assert writer.size() == here
            with pytest.raises(WriteFailed):
                writer.write(data[here:], offset=here)
            writer.close()
    assert RemoteFile.objects.get(session=session).next_part == 4, "one was sent, perhaps: that number is spent"
    assert asyncio.run(patch(path, here, data[here:])).status == 204
    assert read_whole(session) == data


def test_numbers_are_given_to_one_writer_each(upload: tuple[str, UploadSession, bytes]) -> None:
    _path, session, _data = upload
    lose(session, LAST_NUMBER - 1)
    first, second = rows.reserve(session.pk), rows.reserve(session.pk)
    assert (first, second) == (LAST_NUMBER - 1, LAST_NUMBER)
    with pytest.raises(PartsUsedUp):
        rows.reserve(session.pk)
    rows.give_back(session.pk, first)
    with pytest.raises(PartsUsedUp):
        rows.reserve(session.pk)  # a higher one is taken: order would be lost
    rows.give_back(session.pk, second)
    assert rows.reserve(session.pk) == second


def test_putting_a_file_together_costs_no_numbers(upload: tuple[str, UploadSession, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """However often whoever does it dies."""
    path, session, data = upload
    assert asyncio.run(patch(path, 0, data)).status == 204
    real = client.call

    def dies(operation: str, **arguments: Any) -> dict[str, Any]:
        if operation == "complete_multipart_upload":
            raise InterruptedError
        return real(operation, **arguments)

    with monkeypatch.context() as broken:
        broken.setattr(client, "call", dies)
        for _ in range(3):
            with pytest.raises(InterruptedError):
                store().seal(session.storage_key)
    assert RemoteFile.objects.get(session=session).next_part == 10
    assert read_whole(session) == data
    assert UploadSession.objects.get(pk=session.pk).state == SessionState.RECEIVED
    assert numbers.TAIL_NUMBER not in UploadPart.objects.filter(session=session).values_list("number", flat=True)
