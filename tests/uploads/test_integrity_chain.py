"""The chain: however the bytes were split into commits it holds, and no change of a byte or of a row goes unseen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.integrity.chain import Comparison, Damage, Fault, Segment, first_link, next_link
from uploads.integrity.running import RunningDigest

UPLOAD = "upl_00000000000000000001"


def segments_of(data: bytes, cuts: list[int], *, upload: str = UPLOAD) -> list[Segment]:
    link, made = first_link(upload), []
    for start, end in pairwise(sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})):
        digest = hashlib.sha256(data[start:end]).hexdigest()
        link = next_link(link, digest=digest, start=start, length=end - start)
        made.append(Segment(start, end - start, digest, link))
    return made


def compared(data: bytes, segments: list[Segment], blocks: list[int], *, head: str | None = None) -> tuple[Damage | None, int]:
    comparison = Comparison(segments, upload=UPLOAD, head=(segments[-1].chain if segments else "") if head is None else head)
    for start, end in pairwise(sorted({0, len(data), *(cut % (len(data) + 1) for cut in blocks)})):
        comparison.update(data[start:end])
    return comparison.finish(), comparison.covered


some_bytes = st.binary(min_size=1, max_size=400)
some_cuts = st.lists(st.integers(min_value=0, max_value=400), max_size=12)


@given(some_bytes, some_cuts, some_cuts)
def test_any_split_of_the_bytes_gives_a_chain_that_verifies(data: bytes, cuts: list[int], blocks: list[int]) -> None:
    assert compared(data, segments_of(data, cuts), blocks) == (None, len(data))


@given(some_bytes, some_cuts, some_cuts, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_flipped_byte_is_found_where_it_is(data: bytes, cuts: list[int], blocks: list[int], at: int, flip: int) -> None:
    at %= len(data)
    rotten = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
    damage, _ = compared(rotten, segments_of(data, cuts), blocks)
    assert damage is not None
    assert damage.fault is Fault.CHANGED
    assert damage.start <= at < damage.start + damage.length


@given(some_bytes, some_cuts, some_cuts, st.integers(min_value=0))
def test_bytes_that_are_missing_at_the_end_are_found(data: bytes, cuts: list[int], blocks: list[int], left: int) -> None:
    left %= len(data)
    assert compared(data[:left], segments_of(data, cuts), blocks)[0] == Damage(Fault.MISSING, left, next_end(segments_of(data, cuts), left) - left)


def next_end(segments: list[Segment], at: int) -> int:
    return next(segment.end for segment in segments if segment.end > at)


@given(some_bytes, some_cuts, st.data())
def test_a_row_that_was_changed_removed_or_moved_unties_the_chain(data: bytes, cuts: list[int], choice: st.DataObject) -> None:
    segments = segments_of(data, cuts)
    index = choice.draw(st.integers(0, len(segments) - 1))
    chosen = segments[index]
    wrong: list[list[Segment]] = [segments[:index] + segments[index + 1 :]]
    for changed in (
        replace(chosen, sha256=hashlib.sha256(b"other").hexdigest()),
        replace(chosen, start=chosen.start + 1),
        replace(chosen, length=chosen.length + 1),
        replace(chosen, chain=first_link("upl_other")),
    ):
        wrong.append([*segments[:index], changed, *segments[index + 1 :]])
    for rows in wrong:
        damage, _ = compared(data, rows, [], head=segments[-1].chain)
        assert damage is not None
        assert damage.fault is Fault.UNTIED


def test_segments_of_another_upload_do_not_pass() -> None:
    damage, _ = compared(b"abc", segments_of(b"abc", [1], upload="upl_another"), [])
    assert damage is not None
    assert damage.fault is Fault.UNTIED


def test_bytes_nobody_recorded_are_passed_over_and_counted() -> None:
    data = b"0123456789"
    digest = hashlib.sha256(data[4:8]).hexdigest()
    middle = Segment(4, 4, digest, next_link(first_link(UPLOAD), digest=digest, start=4, length=4))
    assert compared(data, [middle], [1, 5, 6]) == (None, 4)
    assert compared(b"xxxx4567xx", [middle], []) == (None, 4)
    assert compared(b"01234x6789", [middle], []) == (Damage(Fault.CHANGED, 4, 4), 4)
    assert compared(data, [], []) == (None, 0)


batches = st.lists(st.tuples(st.binary(max_size=200), st.booleans()), min_size=1, max_size=8)


@given(batches)
def test_what_is_digested_while_receiving_is_the_chain_of_the_commits(batches: list[tuple[bytes, bool]]) -> None:
    """Batches come and commits are cut between them."""
    running, data, committed, segments = RunningDigest(UPLOAD, ""), b"", 0, []
    for batch, commits in [*batches, (b"", True)]:
        data += batch
        running.update(batch, len(batch))
        if commits and len(data) > committed:
            segments.append(running.cut(start=committed, length=len(data) - committed))
            committed = len(data)
    assert compared(data, segments, []) == (None, len(data))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7])
def test_of_a_batch_that_was_written_in_part_only_that_part_is_digested(size: int) -> None:
    running = RunningDigest(UPLOAD, "")
    running.update(b"abcdefg", size)
    assert running.cut(start=0, length=size).sha256 == hashlib.sha256(b"abcdefg"[:size]).hexdigest()


def test_bytes_that_are_thrown_away_are_in_no_segment() -> None:
    running = RunningDigest(UPLOAD, "")
    running.update(b"wrong", 5)
    running.forget()
    running.update(b"right", 5)
    assert running.cut(start=0, length=5).sha256 == hashlib.sha256(b"right").hexdigest()
