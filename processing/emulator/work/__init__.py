"""What jobs do: from an input in S3 to outputs in S3 by ffmpeg, and the events about it. Fulfils `state.Works`."""

from __future__ import annotations

from ..state import Job, Services
from .notices import send
from .probes import probe
from .runner import Worker, canceled


def worker(job: Job, services: Services) -> Worker:
    return Worker(job, services)


__all__ = ["canceled", "probe", "send", "worker"]
