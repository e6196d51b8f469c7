"""How a file is cut into parts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
SMALLEST_PART = 8 * MIB
PARTS_AIMED_AT = 9_000  # S3 takes 10,000; a tail that the server adds, and a client that repeats one, still fit
S3_SMALLEST_PART = 5 * MIB  # of every part but the last (AWS: "Amazon S3 multipart upload limits")
S3_LARGEST_PART = 5 * 2**30
S3_MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Equal parts, all in bytes; the last one may be smaller."""

    length: int
    part_size: int

    @property
    def parts(self) -> int:
        return -(-self.length // self.part_size)

    def size_of(self, number: int) -> int:
        """Return how large a part must be, counted from 1.

        Raises:
            ValueError: the file has no such part.
        """
        if not 1 <= number <= self.parts:
            raise ValueError(f"A file of {self.parts} parts has no part {number}.")
        return min(self.part_size, self.length - (number - 1) * self.part_size)


def plan_for(length: int) -> Plan:
    """Return the plan for a file: parts of 8 MiB, and larger ones, in whole MiB, where those would be more than 9,000.

    Args:
        length: bytes, at least 1.
    """
    needed = -(-length // PARTS_AIMED_AT)
    return Plan(length=length, part_size=max(SMALLEST_PART, -(-needed // MIB) * MIB))
