"""The table of jobs: created once per token and minute, changed only by compare-and-set, found again by id, list and search.

1. `create` looks for the token and inserts under one lock: two requests with one token at the same time make one job.
2. A change names what the job must not be: ended. Who comes later is told so and changes nothing.
3. `forget` ends all that runs and drops it; what a worker says of a dropped job changes nothing.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .clock import Clock
from .journal import Journal
from .state import ENDED, Canceled, Job, Moment, Phase, Status

TOKEN_WINDOW_S = 60.0  # "within one minute of a successful request"
_LETTERS = string.ascii_lowercase + string.digits


class Jobs:
    """All jobs of all regions. `changed` is called with each job that was created or changed, under the lock."""

    def __init__(self, clock: Clock, journal: Journal, account: str) -> None:
        self._clock, self._journal, self._account = clock, journal, account
        self._by_id: dict[tuple[str, str], Job] = {}
        self._tokens: dict[tuple[str, str], Job] = {}
        self._last_order = 0
        self.lock = threading.RLock()
        self.changed: Callable[[Job], None] = lambda job: None

    def create(self, region: str, request: dict[str, Any], queue: str) -> tuple[Job, bool]:
        """Return the job of this request's token, and whether it was made now.

        Args:
            request: validated input of CreateJob. queue: ARN.
        """
        token = request.get("ClientRequestToken", "")
        with self.lock:
            now = self._clock.now()
            known = self._tokens.get((region, token)) if token else None
            if known is not None and now < known.created + TOKEN_WINDOW_S:
                self._journal.write("token_reused", job=known.id, region=region, token=token, metadata=dict(known.metadata))
                return known, False
            job = self._insert(region, request, queue, token, now)
        return job, True

    def _insert(self, region: str, request: dict[str, Any], queue: str, token: str, now: float) -> Job:
        number = f"{int(now * 1000)}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"
        arn = f"arn:aws:mediaconvert:{region}:{self._account}:jobs/{number}"
        job = Job(
            id=number,
            arn=arn,
            region=region,
            account=self._account,
            queue=queue,
            request=request,
            token=token,
            priority=request.get("Priority", 0),
            created=now,
            order=self._last_order + 1,
        )
        self.add(job)
        self._journal.write("job_created", job=job.id, region=region, token=token, queue=queue, inputs=list(job.inputs), metadata=dict(job.metadata))
        return job

    def add(self, job: Job) -> None:
        """Take a job into the table, a new one or one read from disk."""
        with self.lock:
            self._by_id[job.region, job.id] = job
            if job.token:
                self._tokens[job.region, job.token] = job
            self._last_order = max(self._last_order, job.order)
            self._note(job)

    def get(self, region: str, number: str) -> Job | None:
        with self.lock:
            return self._by_id.get((region, number))

    def newest_first(self, region: str) -> list[Job]:
        with self.lock:
            return [job for job in reversed(self._by_id.values()) if job.region == region]

    def is_here(self, job: Job) -> bool:
        with self.lock:
            return self._by_id.get((job.region, job.id)) is job

    def progress(self, job: Job, phase: Phase, percent: int | None) -> None:
        """Raises: Canceled: it has ended, or was dropped."""
        with self.lock:
            if job.status in ENDED or not self.is_here(job):
                raise Canceled(job.id)
            began = job.status is Status.SUBMITTED
            job.status, job.phase, job.percent = Status.PROGRESSING, phase, percent
            job.started = job.started or self._clock.now()
            if began:
                self._journal.write("job_started", job=job.id, region=job.region)
            self._note(job)

    def end(self, job: Job, status: Status, **facts: Any) -> bool:
        """Give a job its last state, with facts (attributes of Job); False if it had one, or was dropped."""
        with self.lock:
            if job.status in ENDED or not self.is_here(job):
                return False
            for name, value in facts.items():
                setattr(job, name, value)
            job.status, job.finished = status, self._clock.now()
            if status is Status.COMPLETE:
                job.percent = 100
            code = {"code": job.error_code} if status is Status.ERROR else {}
            self._journal.write("job_ended", job=job.id, region=job.region, status=str(status), metadata=dict(job.metadata), **code)
            self._note(job)
        if status is Status.CANCELED:
            job.stop.set()
        return True

    def warn(self, job: Job, code: int) -> None:
        with self.lock:
            job.warnings[code] = job.warnings.get(code, 0) + 1

    def forget(self) -> None:
        """Stop and drop all jobs."""
        with self.lock:
            jobs = list(self._by_id.values())
            self._by_id.clear()
            self._tokens.clear()
        for job in jobs:
            job.stop.set()

    def _note(self, job: Job) -> None:
        job.history.append(Moment(self._clock.now(), job.status, job.phase, job.percent))
        self.changed(job)

    def __iter__(self) -> Iterator[Job]:
        with self.lock:
            return iter(list(self._by_id.values()))


def as_of(job: Job, when: float) -> Job | None:
    """Return what the job looked like then; None if it was not there yet."""
    if job.history and job.history[-1].at <= when:
        return job
    seen = [moment for moment in job.history if moment.at <= when]
    if not seen:
        return None
    then = seen[-1]
    ended = then.status in ENDED
    return replace(
        job,
        status=then.status,
        phase=then.phase,
        percent=then.percent,
        started=None if then.status is Status.SUBMITTED else job.started,
        finished=job.finished if ended else None,
        error_code=job.error_code if ended else None,
        error_message=job.error_message if ended else "",
        details=job.details if ended else [],
    )
