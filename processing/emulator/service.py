"""The emulator itself: its tables, clock, faults and journal, and what a worker may do to a job (`state.Services`)."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import Any

from .clock import Clock
from .events import Events
from .faults import Fault, FaultBook
from .jobs import Jobs
from .journal import Journal
from .keep import Keep
from .queries import Queries
from .queues import Queues
from .scheduler import Scheduler
from .state import Canceled, Job, Options, Phase, Status, Works
from .tags import Tags

GENERAL_FAILURE = 1999


class Emulator:
    """One running emulator, without its HTTP server. Fulfils `state.Services`."""

    def __init__(self, options: Options, works: Works) -> None:
        self.options, self.works = options, works
        self.clock = Clock()
        self.faults = FaultBook(options.seed)
        if options.state_dir is not None:
            options.state_dir.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(self.clock, options.state_dir / "journal.jsonl" if options.state_dir else None)
        self.jobs = Jobs(self.clock, self.journal, options.account)
        self.queues = Queues(self.clock, options.account)
        self.tags = Tags()
        self.queries = Queries(self.clock)
        self.events = Events(self.clock, self.faults, self.journal, self._send if options.queue_url else None)
        self.scheduler = Scheduler(self.queues, options.concurrency, self._run)
        self._keep = Keep(options.state_dir, self.jobs, self.queues, self.tags) if options.state_dir else None
        self._resetting = threading.Lock()
        self._stopping = False

    def start(self) -> None:
        """Begin to send events and take up the jobs that a state directory remembers."""
        self.events.start()
        if self._keep is not None:
            for job in self._keep.load():
                self.submit(job)

    def submit(self, job: Job) -> None:
        """Let a new job wait for its turn, unless the fault book says that it waits for ever."""
        if self.faults.take(Fault.STUCK, job.subject(phase="SUBMITTED")) is None:
            self.scheduler.submit(job)

    def _run(self, job: Job) -> None:
        try:
            self.works.worker(job, self).run()
        except Canceled:
            return
        except Exception as error:  # noqa: BLE001 (whatever a worker died of ends its job, as at AWS, and is said here)
            traceback.print_exc(file=sys.stderr)
            self.journal.write("worker_failed", job=job.id, error=repr(error))
            self.fail(job, GENERAL_FAILURE, f"Unknown error: {type(error).__name__}")

    def progress(self, job: Job, phase: Phase, percent: int | None = None) -> None:
        self.jobs.progress(job, phase, percent)

    def complete(self, job: Job, details: list[dict[str, Any]]) -> bool:
        return self.jobs.end(job, Status.COMPLETE, details=details)

    def fail(self, job: Job, code: int, message: str) -> bool:
        return self.jobs.end(job, Status.ERROR, error_code=code, error_message=message)

    def warn(self, job: Job, code: int) -> None:
        self.jobs.warn(job, code)

    def emit(self, job: Job, event: dict[str, Any]) -> None:
        if self.jobs.is_here(job) or self._stopping:  # what ended just before a stop is told; what ended before a reset is not
            self.events.emit(job, event)

    def _send(self, region: str, bodies: list[str]) -> None:
        self.works.send(region, bodies, self)

    def reset(self, *, seed: int | None = None) -> bool:
        """Back to the beginning: no jobs, queues, tags, faults, journal, and the machine's time. False if a job did not stop in time."""
        with self._resetting:
            self.faults.clear(seed=self.options.seed if seed is None else seed)
            self.jobs.forget()
            stopped = self.scheduler.forget()
            self.events.forget()
            self.queues.forget()
            self.tags.forget()
            self.queries.forget()
            self.clock.reset()
            self.journal.clear()
            if self._keep is not None:
                self._keep.clear()
        return stopped

    def stop(self) -> None:
        """Stop what runs, keep what is to be kept. Jobs that ran run again when a state directory is opened anew."""
        self._stopping = True
        self.scheduler.close()
        if self._keep is not None:
            self._keep.close()
        self.jobs.forget()
        self.clock.wake()
        self.scheduler.forget()
        self.events.close()
        self.journal.close()
