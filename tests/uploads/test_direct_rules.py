"""The rules of direct uploads: how a file is cut, what S3's list is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.direct.parts import Part, UnequalParts, changed, contiguous, counted, require_whole
from uploads.direct.plan import MIB, S3_MOST_PARTS, plan_for

GIB = 2**30
TIB = 2**40


@pytest.mark.parametrize(
    ("length", "part_size", "parts"),
    [
        (1, 8 * MIB, 1),
        (8 * MIB - 1, 8 * MIB, 1),
        (8 * MIB, 8 * MIB, 1),
        (8 * MIB + 1, 8 * MIB, 2),
        (5 * GIB, 8 * MIB, 640),
        (9000 * 8 * MIB, 8 * MIB, 9000),
        (9000 * 8 * MIB + 1, 9 * MIB, 8001),
        (1 * TIB, 117 * MIB, 8963),
        (5 * TIB, 583 * MIB, 8993),
    ],
)
def test_the_plan(length: int, part_size: int, parts: int) -> None:
    plan = plan_for(length)
    assert (plan.part_size, plan.parts) == (part_size, parts)


@given(st.integers(1, 5 * TIB))
def test_every_plan_is_one_s3_takes(length: int) -> None:
    plan = plan_for(length)
    assert plan.part_size % MIB == 0
    assert plan.part_size >= 8 * MIB
    assert plan.parts <= 9000 < S3_MOST_PARTS
    assert 1 <= plan.size_of(plan.parts) <= plan.part_size
    assert (plan.parts - 1) * plan.part_size + plan.size_of(plan.parts) == length


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_part_the_file_does_not_have(number: int) -> None:
    with pytest.raises(ValueError, match="no part"):
        plan_for(8 * MIB + 1).size_of(number)


def part(number: int, size: int = 10, etag: str = "") -> Part:
    return Part(number=number, size=size, etag=etag or f"e{number}")


@pytest.mark.parametrize(
    ("listed", "size"),
    [
        ([], 0),
        ([part(2), part(3)], 0),
        ([part(1)], 10),
        ([part(3), part(1), part(2)], 30),
        ([part(1), part(2), part(4)], 20),
        ([part(1), part(2), part(3, 4)], 24),
        ([part(1, 4)], 4),
    ],
)
def test_the_prefix_ends_at_the_first_gap(listed: list[Part], size: int) -> None:
    assert contiguous(listed).size == size


@pytest.mark.parametrize(
    ("listed", "part_size", "number"),
    [
        ([part(1), part(2, 11)], 0, 2),
        ([part(1), part(2, 4), part(3)], 0, 2),
        ([part(1), part(2, 4), part(4)], 0, 2),
        ([part(1, 11)], 10, 1),
        ([part(1, 0)], 0, 1),
        ([part(1), part(2, 0)], 0, 2),
    ],
)
def test_parts_of_another_size_are_named(listed: list[Part], part_size: int, number: int) -> None:
    with pytest.raises(UnequalParts) as caught:
        contiguous(listed, part_size=part_size)
    assert caught.value.number == number


@given(st.lists(st.integers(1, 40), unique=True, max_size=40))
def test_the_prefix_never_counts_a_part_behind_a_gap(numbers: list[int]) -> None:
    arrived = contiguous([part(number) for number in numbers])
    assert [found.number for found in arrived.parts] == list(range(1, len(arrived.parts) + 1))
    assert len(arrived.parts) + 1 not in numbers


@pytest.mark.parametrize(
    ("sizes", "part_size", "length", "size"),
    [
        ((10, 10, 4), 0, 24, 24),
        ((10, 10, 4), 0, 25, 20),
        ((10, 10, 4), 0, None, 20),
        ((10, 10), 0, None, 20),
        ((4,), 10, 4, 4),
        ((4,), 10, 14, 0),
        ((), 10, 4, 0),
        ((1, 1, 1), 0, 9, 0),
        ((1, 1), 0, 2, 0),
        ((1,), 0, 2, 0),
        ((1,), 0, 1, 1),
    ],
)
def test_what_counts_is_what_s3_will_join(sizes: tuple[int, ...], part_size: int, length: int | None, size: int) -> None:
    """In MiB."""
    arrived = contiguous([part(number, mib * MIB) for number, mib in enumerate(sizes, 1)], part_size=part_size * MIB)
    assert counted(arrived, length=length and length * MIB).size == size * MIB


def test_small_parts_are_only_whole_as_the_last() -> None:
    require_whole(contiguous([part(1, 10)]), length=10)
    require_whole(contiguous([part(1, 5 * MIB), part(2, 1)]), length=None)
    with pytest.raises(UnequalParts):
        require_whole(contiguous([part(1, 10), part(2, 10)]), length=20)


def test_more_than_the_file_is_not_the_file() -> None:
    with pytest.raises(UnequalParts) as caught:
        require_whole(contiguous([part(1, 8 * MIB), part(2, 8 * MIB)]), length=8 * MIB + 1)
    assert (caught.value.number, caught.value.expected) == (2, 1)


def test_a_part_that_is_not_what_was_counted() -> None:
    before = [part(1), part(2)]
    assert changed(before, [part(1), part(2), part(3)]) is None
    assert changed(before, [part(1)]) == before[1]
    assert changed(before, [part(1, etag="other"), part(2)]) == before[0]
    assert changed(before, [part(1, size=9), part(2)]) == before[0]
