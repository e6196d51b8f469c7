"""Jobs, queues and tags that outlive a restart: one file of lines, the last word about each thing counts.

A job that had not ended is begun again, with `retryCount` one higher: as the service does by itself after a fault of its own.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from .jobs import Jobs
from .queues import Queue, Queues
from .state import ENDED, Job, Phase, Status
from .tags import Tags

_FACTS = ("id", "arn", "region", "account", "queue", "token", "priority", "created", "order", "percent", "started", "finished", "error_code")
_MORE = ("error_message", "retry_count", "accelerated", "details", "request")


class Keep:
    """Writes each change of the tables into `state.jsonl` of a directory, and reads it at the start."""

    def __init__(self, directory: Path, jobs: Jobs, queues: Queues, tags: Tags) -> None:
        self._path = directory / "state.jsonl"
        self._jobs, self._queues, self._tags = jobs, queues, tags
        self._lock = threading.Lock()
        self._file: IO[str] | None = None

    def load(self) -> list[Job]:
        """Fill the tables, write the file anew without what is out of date, and return the jobs that are to be run."""
        words: dict[tuple[str, str], Any] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else ():
            try:
                word = json.loads(line)
            except ValueError:
                continue  # the last line of a process that was killed while it wrote
            words[word["kind"], word["key"]] = word["value"]
        for (kind, key), value in words.items():
            if value is None:
                continue  # a queue that was deleted
            self._take(kind, key, value)
        self._begin_anew()
        return [job for job in self._jobs if job.status not in ENDED]

    def _take(self, kind: str, key: str, value: dict[str, Any]) -> None:
        if kind == "job":
            self._jobs.add(_job(value))
        elif kind == "queue":
            self._queues.put(Queue(**value))
        else:
            self._tags.load(key, value)

    def _begin_anew(self) -> None:
        fresh = self._path.with_suffix(".new")
        with self._lock:
            self._file = fresh.open("w", encoding="utf-8", buffering=1)
        for job in self._jobs:
            self._write_job(job)
            self._write("tags", job.arn, self._tags.of(job.arn))
        for queue in self._queues.all():
            self._write_queue(queue, queue.arn)
            self._write("tags", queue.arn, self._tags.of(queue.arn))
        fresh.replace(self._path)
        self._jobs.changed = self._write_job
        self._tags.changed = lambda arn, tags: self._write("tags", arn, tags)
        self._queues.changed = self._write_queue

    def _write_queue(self, queue: Queue | None, arn: str) -> None:
        self._write("queue", arn, asdict(queue) if queue is not None else None)

    def _write_job(self, job: Job) -> None:
        facts = {name: getattr(job, name) for name in (*_FACTS, *_MORE)}
        warnings = {str(code): count for code, count in job.warnings.items()}
        self._write("job", job.arn, facts | {"status": job.status, "phase": job.phase, "warnings": warnings})

    def _write(self, kind: str, key: str, value: dict[str, Any] | None) -> None:
        with self._lock:
            if self._file is not None:
                self._file.write(json.dumps({"kind": kind, "key": key, "value": value}) + "\n")

    def clear(self) -> None:
        """Forget everything on disk."""
        with self._lock:
            if self._file is not None:
                self._file.truncate(0)
                self._file.seek(0)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def _job(value: dict[str, Any]) -> Job:
    job = Job(**{name: value[name] for name in (*_FACTS, *_MORE)})
    job.warnings = {int(code): count for code, count in value["warnings"].items()}
    if value["status"] in ENDED:
        job.status, job.phase = Status(value["status"]), Phase(value["phase"]) if value["phase"] else None
    else:
        job.percent, job.started, job.retry_count = None, None, job.retry_count + 1
    return job
