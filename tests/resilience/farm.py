"""A worker that several tests share, and tasks whose executions can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.models import Count

from resilience.leases import Owner
from resilience.models import Task, TaskRun
from resilience.models.tasks import RunOutcome, TaskState
from resilience.tasks import enqueue
from tests.resilience.strange import bodies  # noqa: F401 - declares the kinds in this process, too
from tests.resilience.worker import Worker, wait_for


class Farm:
    """A worker, started when it is needed, and again when a test has ended it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.worker: Worker | None = None

    def well(self) -> Worker:
        """Return the worker, complete; started (again) if need be."""
        if self.worker is None or self.worker.process.poll() is not None:
            self.end()
            self.worker = Worker(self.folder, **self.environment).__enter__()
        self.worker.wait_until_complete()
        return self.worker

    def end(self) -> None:
        if self.worker is not None:
            self.worker.__exit__()
            self.worker = None


@contextmanager
def farming(blocker, folder: Path, **environment: str) -> Iterator[Farm]:
    """Open the database to a module's tests while its worker is at it, and empty it afterwards."""
    with blocker.unblock():
        farm = Farm(folder, **environment)
        try:
            yield farm
        finally:
            farm.end()
            call_command("flush", interactive=False, verbosity=0)
            connection.close()


class Marks:
    """Some tasks of a test, and how often each body came to its end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tasks: list[Task] = []

    def put(self, count: int, *, seconds: float = 0.0) -> None:
        self.tasks += [enqueue("test.marks", payload={"file": str(self.file), "seconds": seconds}) for _ in range(count)]

    def rows(self):
        return Task.objects.filter(pk__in=[task.pk for task in self.tasks])

    def busy(self) -> list[int]:
        owners = self.rows().filter(state=TaskState.LEASED).values_list("lease_owner", flat=True)
        return [owner.pid for text in owners if (owner := Owner.parse(text)) is not None]

    def wait_until_done(self, worker: Worker) -> None:
        """Wait for all of them, and see that each was finished once, by one run that counts."""
        try:
            wait_for(lambda: not self.rows().exclude(state=TaskState.SUCCEEDED).exists(), seconds=90, what="every task is done")
        except AssertionError as late:
            left = list(self.rows().exclude(state=TaskState.SUCCEEDED).values_list("state", "attempt", "error_code"))
            raise AssertionError(f"{late}\nLeft: {left}\n{worker.text()}") from None
        good = TaskRun.objects.filter(task__in=self.rows(), outcome=RunOutcome.OK).values("task").annotate(times=Count("pk"))
        assert sorted(row["times"] for row in good) == [1] * len(self.tasks)

    def ran(self) -> list[str]:
        return self.file.read_text().split()

    def runs(self) -> int:
        return TaskRun.objects.filter(task__in=self.rows()).count()


def counted(worker: Worker) -> str:
    """Return what the worker's processes have put down for /metrics so far, in whatever form."""
    folder = worker.folder / "var" / "run" / "metrics"
    return "".join(file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file())
