"""How the 10,000 part numbers of one multipart upload are spent. Pure.

A number is sent under by one writer alone, ever: were one used again, a part that a fenced writer still sends could overwrite one that
counts. So every part that a writer sent and never committed has cost its number. A file is cut into at most 9,000 parts; once writers
have died so often that the numbers left are short for the rest, the parts that follow are larger. The tail takes no number while it is
one: it is sent once the file is whole, as number 10,000, by whoever puts the file together, always with the same bytes.
"""

from __future__ import annotations

PARTS_AIMED_AT = 9_000
TAIL_NUMBER = 10_000
LAST_NUMBER = TAIL_NUMBER - 1  # that a writer may take
MOST_GROWTH = 8
_MIB = 2**20
_LARGE = 256 * _MIB
_LARGEST_AT_S3 = 5 * 2**30


def part_size_for(length: int, *, least: int) -> int:
    """Return the bytes of each part of a file: `least`, or more where those would be more than 9,000."""
    return max(least, _in_mib(-(-length // PARTS_AIMED_AT)))


def next_size(*, part_size: int, remaining: int, next_part: int) -> int | None:
    """Return how large the next part must be, so that the numbers left last for the file, and for a tenth more.

    Args:
        part_size: bytes of the file's first parts.
        remaining: bytes of the file behind the last part.
        next_part: the lowest number nobody has taken.

    Returns:
        Bytes; None when too few numbers are left: this file cannot be finished any more.
    """
    if next_part > TAIL_NUMBER:
        return None
    largest, left = largest_part(part_size), LAST_NUMBER - next_part + 1
    if left == 0:
        return largest if remaining < largest else None  # all the rest fits into the tail
    needed = max(part_size, _in_mib(-(-remaining // max(1, left * 10 // 11))))
    if needed <= largest:
        return needed
    return largest if remaining <= left * largest else None


def largest_part(part_size: int) -> int:
    """Return how far parts may grow. A part is held in memory while it fills: eight times those the file began with, unless that is much."""
    return min(_LARGEST_AT_S3, max(2 * part_size, min(MOST_GROWTH * part_size, _LARGE)))


def _in_mib(size: int) -> int:
    return -(-size // _MIB) * _MIB
