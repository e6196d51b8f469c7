"""What is refused first when it gets tight, and why. Pure: the pressure comes in (resilience/pressure.py measures it).

| under pressure | refused first | goes on |
| --- | --- | --- |
| disk: less than a tenth free | new uploads | those that began, their conversions, everything else |
| disk: less than a twentieth free | conversions wait too, reapers run at once | uploads that began, as far as they fit |
| database: a request waited over a second for a connection | new uploads | bytes of those that began |
| memory: nearly all of what a process may have is used | new uploads, conversions wait | everything else |

Bytes of an upload that began are never in this table: they stop only where a disk is really full, and keep what arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NEVER = float("inf")


class Work(StrEnum):
    UPLOAD = "upload"  # a new one
    CONVERSION = "conversion"  # a try that has not begun


class Reason(StrEnum):
    DISK = "disk"
    MEMORY = "memory"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Pressure:
    """Args:
    disk_free: share of the disk in question that is free, 0 to 1.
    memory: share of what this process, or all together, may have that is used.
    pool_wait: seconds the request that waits longest for a connection to the database has waited.
    """

    disk_free: float = 1.0
    memory: float = 0.0
    pool_wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Marks:
    """From where on one kind of work is refused: below `disk_free`, above the others."""

    disk_free: float = 0.0
    memory: float = NEVER
    pool_wait: float = NEVER


def shed(work: Work, pressure: Pressure, marks: Mapping[Work, Marks]) -> Reason | None:
    """Return why this work is refused now, or None when it may go on. What lasts longest is named first."""
    mark = marks[work]
    if pressure.disk_free < mark.disk_free:
        return Reason.DISK
    if pressure.memory > mark.memory:
        return Reason.MEMORY
    if pressure.pool_wait > mark.pool_wait:
        return Reason.POOL
    return None
