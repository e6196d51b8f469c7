"""How tight it is, for `/readyz`: disks, memory of this process, and whether new uploads are refused because of either."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from resilience import memory, pressure
from resilience.shedding import Work, shed

from .readiness import Health, degraded, ok, readiness, unavailable

TOO_LITTLE = {"disk": "room", "memory": "memory", "pool": "connections to the database"}


@readiness("disk", critical=False)
def disk() -> Health:
    disks = pressure.disks()
    said = ", ".join(f"{disk.share:.0%} free of the disk of {disk.name}" for disk in disks)
    least = min(disk.share for disk in disks)
    if least < settings.DISK_FULL_SHARE:
        return unavailable(f"{said}: new uploads and conversions wait, and everything that can be is cleared away.")
    return degraded(f"{said}: new uploads wait.") if least < settings.DISK_LOW_SHARE else ok(said)


@readiness("memory", critical=False)
def memory_of_process() -> Health:
    share = memory.share_of_memory()
    said = f"This process uses {share:.0%} of what it may ({memory.rss() / 2**20:.0f} MiB)."
    return degraded(f"{said} It is replaced once it is idle.") if share > settings.MEMORY_RECYCLE_SHARE else ok(said)


@readiness("shedding", critical=False)
def shedding() -> Health:
    """Whether this process would take a new upload now."""
    free = 1.0 if settings.UPLOAD_STORE == "s3" else pressure.disk_free(Path(settings.UPLOAD_DIR))
    reason = shed(Work.UPLOAD, pressure.pressure(disk_free=free), pressure.marks())
    return ok() if reason is None else degraded(f"New uploads are refused: too little {TOO_LITTLE[reason]}. Those that began go on.")
