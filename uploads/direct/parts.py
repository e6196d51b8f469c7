"""What S3 says it has of a file, against what the file must be. Pure; what a client says is not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .plan import S3_SMALLEST_PART


@dataclass(frozen=True, slots=True)
class Part:
    """One part as ListParts tells it: number from 1, size in bytes, ETag without its quotes."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The parts that make up the file's beginning without a gap, and how many bytes they are."""

    parts: tuple[Part, ...]
    size: int
    part_size: int  # of every part but the last; 0 while nobody knows


class UnequalParts(Exception):
    """A part has another size than its place asks for.

    Args:
        number: of the part.
        size, expected: bytes; `expected` is what it must have, or what it must not exceed.
    """

    def __init__(self, *, number: int, size: int, expected: int) -> None:
        self.number, self.size, self.expected = number, size, expected
        super().__init__(f"Part {number} has {size} bytes where {expected} are expected.")


def contiguous(listed: Iterable[Part], *, part_size: int = 0) -> Arrived:
    """Return the prefix: parts 1, 2, 3, … up to the first gap.

    A part smaller than the others ends it: only the file's last part may be smaller, so nothing can follow one.

    Args:
        part_size: bytes of every part but the last; 0 takes the size of part 1.

    Raises:
        UnequalParts: a part of the prefix is larger than the others; or a smaller one has a successor.
    """
    found: list[Part] = []
    known = {part.number: part for part in listed}
    expected = part_size
    while (part := known.get(len(found) + 1)) is not None:
        expected = expected or part.size
        if part.size > expected or part.size == 0:
            raise UnequalParts(number=part.number, size=part.size, expected=expected)
        found.append(part)
        if part.size < expected:
            break
    after = [number for number in known if number > len(found)]
    if found and found[-1].size < expected and after:
        raise UnequalParts(number=found[-1].number, size=found[-1].size, expected=expected)
    return Arrived(parts=tuple(found), size=sum(part.size for part in found), part_size=expected)


def counted(arrived: Arrived, *, length: int | None) -> Arrived:
    """Return what may be acknowledged: what S3 will join, whoever sends the rest.

    A part smaller than the others counts only as the end of a file of known length: else it is not the last. Parts below S3's smallest
    size do not count at all, unless one is the whole file.
    """
    whole = length is not None and arrived.size == length
    if arrived.part_size < S3_SMALLEST_PART and not (whole and len(arrived.parts) == 1):
        return replace(arrived, parts=(), size=0)
    if whole or not arrived.parts or arrived.parts[-1].size == arrived.part_size:
        return arrived
    return replace(arrived, parts=arrived.parts[:-1], size=arrived.size - arrived.parts[-1].size)


def require_whole(arrived: Arrived, *, length: int | None) -> None:
    """Check that the prefix is the file: all of it, in parts that S3 will join.

    Raises:
        UnequalParts: a part that is not the last is below what S3 joins; or the parts are more than the file.
    """
    for part in arrived.parts[:-1]:
        if part.size < S3_SMALLEST_PART:
            raise UnequalParts(number=part.number, size=part.size, expected=S3_SMALLEST_PART)
    if length is not None and arrived.size > length and arrived.parts:
        last = arrived.parts[-1]
        raise UnequalParts(number=last.number, size=last.size, expected=max(0, length - (arrived.size - last.size)))


def changed(before: Sequence[Part], now: Iterable[Part]) -> Part | None:
    """Return the first part that is missing or has another size or ETag than when it was counted; None if all are as they were."""
    have = set(now)
    return next((part for part in before if part not in have), None)
