"""What the console's front page says of this machine: its disks, the memory of our processes, and what clears up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from resilience import pressure, reaping
from resilience.metrics.exposition import families
from resilience.metrics.merge import merged
from resilience.metrics.store import directory
from resilience.models import Reaper

ROLES = {"web": "Web processes", "worker": "Task processes", "supervisor": "Supervisor"}


@dataclass(frozen=True)
class Shown:
    """A disk as it is shown. `holds`: the folders of ours that lie on it."""

    holds: str
    free: int
    total: int
    percent_free: float
    tone: str


@dataclass(frozen=True)
class Memory:
    """Of the processes of one role on this host: bytes in all and of the largest, its share of its limit, growth in bytes an hour."""

    role: str
    total: float
    largest: float
    share: float
    growth: float
    leaking: float

    @property
    def tone(self) -> str:
        return "bad" if self.leaking else "wait" if self.share > settings.MEMORY_RECYCLE_SHARE else "good"


def disks() -> list[Shown]:
    """Return each disk once; none when they cannot be read."""
    try:
        return [Shown(" ".join(disk.holds), disk.free, disk.total, 100 * disk.share, _tone(disk.share)) for disk in pressure.disks()]
    except OSError:
        return []


def _tone(share: float) -> str:
    return "bad" if share < settings.DISK_FULL_SHARE else "wait" if share < settings.DISK_LOW_SHARE else "good"


def memory() -> list[Memory]:
    """Return what the processes of this host last said (resilience/monitor.py)."""
    said: dict[tuple[str, str], float] = {}
    for family in families(merged(directory())):
        for sample in family.samples:
            if "role" in sample.labels and sample.name.startswith("holdfast_process_"):
                said[sample.name.removeprefix("holdfast_process_"), sample.labels["role"]] = sample.value
    return [
        Memory(
            role=label,
            total=said["memory_bytes", role],
            largest=said.get(("memory_largest_bytes", role), 0.0),
            share=said.get(("memory_share", role), 0.0),
            growth=said.get(("memory_growth_bytes", role), 0.0),
            leaking=said.get(("leaking", role), 0.0),
        )
        for role, label in ROLES.items()
        if said.get(("memory_bytes", role))
    ]


def overdue_reapers(*, now: datetime) -> list[Reaper]:
    """Return the reapers nobody runs, and those whose last run stopped."""
    return [row for row in Reaper.objects.order_by("name") if row.error or reaping.is_overdue(row, now=now)]


def machine(*, now: datetime) -> dict[str, Any]:
    return {"disks": disks(), "memory": memory(), "unwell_reapers": overdue_reapers(now=now), "reapers_page": "admin:resilience_reaper_changelist"}
