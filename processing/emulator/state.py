"""Jobs and what works on them: the seam between the API, which keeps them, and the worker, which transcodes.

The API creates a `Job`, and when its queue lets it, runs `Worker(job, services).run()` in a thread of its own. All a worker may do to a job it
does through `Services`; each change is a compare-and-set against CancelJob.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from .clock import Clock
from .faults import FaultBook, Subject
from .journal import Journal


class Status(StrEnum):
    SUBMITTED = "SUBMITTED"
    PROGRESSING = "PROGRESSING"
    COMPLETE = "COMPLETE"
    CANCELED = "CANCELED"
    ERROR = "ERROR"


ENDED = frozenset({Status.COMPLETE, Status.CANCELED, Status.ERROR})


class Phase(StrEnum):
    PROBING = "PROBING"
    TRANSCODING = "TRANSCODING"
    UPLOADING = "UPLOADING"


@dataclass(frozen=True, slots=True)
class Options:
    """How an emulator was started. Empty endpoints mean AWS's own; an empty queue URL means that no events are sent.

    Args:
        fast: do not transcode; write small outputs of the right names at once.
        state_dir: where jobs outlive a restart, if anywhere.
        concurrency: jobs that run at the same time.
    """

    port: int = 0
    host: str = "127.0.0.1"
    s3_endpoint: str = ""
    sqs_endpoint: str = ""
    queue_url: str = ""
    fast: bool = False
    seed: int = 0
    state_dir: Path | None = None
    account: str = "123456789012"
    concurrency: int = 2


class Canceled(Exception):
    """The job was canceled, or the emulator stops or was reset: nothing of it may run or be written any more."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a job looked like at a time; for answers that lag behind."""

    at: float
    status: Status
    phase: Phase | None
    percent: int | None


@dataclass(slots=True, eq=False)
class Job:
    """One job. Times in seconds since 1970 of the emulator's clock.

    Args:
        request: CreateJob's input, validated, with the API's member names (`Settings`, `UserMetadata`, `Role`, …) at every level.
        token: ClientRequestToken.
        queue: ARN.
        details: OutputGroupDetails of the API, set when it completed.
        stop: set when the job was canceled.
    """

    id: str
    arn: str
    region: str
    account: str
    queue: str
    request: dict[str, Any]
    token: str
    priority: int
    created: float
    order: int = 0
    status: Status = Status.SUBMITTED
    phase: Phase | None = None
    percent: int | None = None
    started: float | None = None
    finished: float | None = None
    error_code: int | None = None
    error_message: str = ""
    retry_count: int = 0
    accelerated: bool = False
    details: list[dict[str, Any]] = field(default_factory=list)
    warnings: dict[int, int] = field(default_factory=dict)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    history: list[Moment] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self.request["Settings"]
        return settings

    @property
    def metadata(self) -> Mapping[str, str]:
        metadata: dict[str, str] = self.request.get("UserMetadata") or {}
        return metadata

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(item["FileInput"] for item in self.settings.get("Inputs", ()) if item.get("FileInput"))

    @property
    def status_interval_s(self) -> int:
        """Seconds between two STATUS_UPDATE events."""
        return int(self.request.get("StatusUpdateInterval", "SECONDS_60").removeprefix("SECONDS_"))

    def subject(self, *, phase: str = "", status: str = "") -> Subject:
        """Return what the fault book is asked with: the job in a phase, or an event of it with a status."""
        return Subject(region=self.region, inputs=self.inputs, metadata=self.metadata, phase=phase, status=status)


class Services(Protocol):
    """What a worker may use and do. Safe for threads."""

    options: Options
    clock: Clock
    faults: FaultBook
    journal: Journal

    def progress(self, job: Job, phase: Phase, percent: int | None = None) -> None:
        """Say how far a job is (0 to 100 of the whole job; None: unknown). The first call makes it PROGRESSING.

        Raises:
            Canceled: the job has ended otherwise.
        """
        ...

    def complete(self, job: Job, details: list[dict[str, Any]]) -> bool:
        """End a job well with the API's OutputGroupDetails. Return whether it is now COMPLETE (False: it was canceled before)."""
        ...

    def fail(self, job: Job, code: int, message: str) -> bool:
        """End a job with an error. Return whether it is now ERROR (False: it was canceled before)."""
        ...

    def warn(self, job: Job, code: int) -> None:
        """Count a warning of the job."""
        ...

    def emit(self, job: Job, event: dict[str, Any]) -> None:
        """Hand on an event (EventBridge's whole envelope). Faults of events are applied here, and it is sent in order by another thread."""
        ...


class Runnable(Protocol):
    def run(self) -> None:
        """Work on the job until it is COMPLETE, ERROR or CANCELED and its events are emitted.

        May return while the job is PROGRESSING: then it is stuck, on purpose. Anything raised but `Canceled` ends the job with 1999.
        """
        ...


class Works(Protocol):
    """What the package `processing.emulator.work` gives the API."""

    def worker(self, job: Job, services: Services) -> Runnable: ...

    def canceled(self, job: Job, services: Services) -> None:
        """Emit the event of a job that CancelJob just ended (its worker, if any, sees `job.stop`)."""
        ...

    def probe(self, files: list[dict[str, Any]], services: Services) -> list[dict[str, Any]]:
        """Return ProbeResults for Probe's InputFiles, with the API's member names.

        Raises:
            ApiError: as AWS answers (`errors.py`): 404, 403, 400, 422.
        """
        ...

    def send(self, region: str, bodies: list[str], services: Services) -> None:
        """Put one to ten messages on the events' queue of a region (`{region}` in the queue's URL stands for it).

        Called by one thread, in order; all of them again when it raises.

        Raises:
            OSError, botocore's errors: not all could be sent.
        """
        ...
