"""How tight it is now, and the refusals that follow (resilience/shedding.py decides). Asked before new work; asks nobody that could make it wait."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from resilience import database
from resilience.circuits.errors import CircuitOpen
from resilience.errors import ASK_FOR_HELP, Category, Entry, Fault, Retry, wait
from resilience.memory import share_of_memory
from resilience.metrics import counter

from .shedding import Marks, Pressure, Reason, Work, shed

RETRY_AFTER = {Reason.DISK: 20.0, Reason.MEMORY: 20.0, Reason.POOL: 5.0}  # seconds: within a minute of the end of a shortage all goes on
_SHED = counter("holdfast_shed_total", "New work refused because it was tight.", ["work", "reason"])


class Stretched(CircuitOpen):
    """New work is refused for a while so that what began can end. To a task it is what an open circuit is: it waits, no try spent."""

    entry = Entry(
        code="SERVICE_STRETCHED",
        title="We finish what began before we take more",
        what_happened="We are at the limit of what we can do at once, so nothing new is begun for a moment. Whatever is under way goes on.",
        actions=(wait("Wait a moment, then try again"), ASK_FOR_HELP),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="warning",
        fields=("circuit",),
        runbook="`manage.py doctor` and /readyz say what is short: disk, memory or connections to the database (DATABASE_POOL, MEMORY_LIMIT, disk of VAR_DIR).",
        examples=({"circuit": "memory"},),
    )  # fmt: skip

    def __init__(self, reason: Reason) -> None:
        super().__init__(circuit=str(reason), retry_after=RETRY_AFTER[reason])
        self.reason = reason


def marks() -> Mapping[Work, Marks]:
    low, full, memory = settings.DISK_LOW_SHARE, settings.DISK_FULL_SHARE, settings.MEMORY_SHED_SHARE
    return {
        Work.UPLOAD: Marks(disk_free=low, memory=memory, pool_wait=settings.POOL_SHED_SECONDS),
        Work.CONVERSION: Marks(disk_free=full, memory=memory),
    }


def pressure(*, disk_free: float) -> Pressure:
    return Pressure(disk_free=disk_free, memory=share_of_memory(), pool_wait=database.pool_pressure())


def reason_against(work: Work, *, disk_free: float) -> Reason | None:
    """Return why new work of a kind is refused now, and count it; None when it may begin.

    Args:
        disk_free: share of the disk it would write to that is free.
    """
    reason = shed(work, pressure(disk_free=disk_free), marks())
    if reason is not None:
        _SHED.labels(work, reason).inc()
    return reason


def require_ease(work: Work, *, disk_free: float) -> None:
    """Raises: Stretched."""
    reason = reason_against(work, disk_free=disk_free)
    if reason is not None:
        raise Stretched(reason)


@dataclass(frozen=True, slots=True)
class Disk:
    """`holds` names the folders of ours that lie on it; `free` and `total` are bytes."""

    holds: tuple[str, ...]
    free: int
    total: int

    @property
    def name(self) -> str:
        return "+".join(self.holds)

    @property
    def share(self) -> float:
        return self.free / self.total if self.total else 0.0


def disk_free(folder: Path) -> float:
    """Return the share of a folder's disk that is free; a folder that is not there yet will be where its nearest parent is."""
    usage = shutil.disk_usage(_there(folder))
    return usage.free / usage.total if usage.total else 0.0


def _there(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def disks() -> list[Disk]:
    """Return each disk of ours once, however many of our folders lie on it.

    Raises:
        OSError: one cannot be read.
    """
    found: dict[int, tuple[list[str], Path]] = {}
    for name in ("VAR_DIR", "UPLOAD_DIR", "WORK_DIR", "RENDITION_DIR"):
        folder = _there(Path(getattr(settings, name)))
        found.setdefault(folder.stat().st_dev, ([], folder))[0].append(name)
    usages = [(tuple(names), shutil.disk_usage(folder)) for names, folder in found.values()]
    return [Disk(holds=names, free=usage.free, total=usage.total) for names, usage in usages]
