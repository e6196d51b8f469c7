"""Tasks: how many a second go through claim, run row, body and finish, and how long a worker needs to hear of one; beside bare django-q2.

Both on the same PostgreSQL in the same run, two workers each, bodies that do nothing. Bare django-q2 keeps nothing: no row of the run, no
lease, no heartbeat, no fencing; a killed worker's task leaves no trace there. BENCH_SCALE 1.0 is 3,000 tasks and 300 wake-ups.

Tasks/s say little on a machine that is busy with other things. Processor time per task (all processes of the worker, and PostgreSQL's) does not
depend on that.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench import part

WORKERS = {"WORKERS": "2", "MEDIA_WORKERS": "1", "LOG_LEVEL": "WARNING", "HOLDFAST_ROLE": "worker"}
PATIENCE_SECONDS = 300.0
NOTE_VARIABLE = "BENCH_NOTE"


def note(sent: float) -> None:
    """Bare django-q2's body: write down how long it was under way."""
    with Path(os.environ[NOTE_VARIABLE]).open("a") as file:
        file.write(f"{time.time() - sent}\n")


def nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Rate:
    """`speed` in tasks/s; `processor` in ms of processor time per task."""

    speed: float
    processor: float


@contextmanager
def process(*command: str, **environment: str) -> Iterator[psutil.Process]:
    """Run `manage.py …` until the block ends; its children end with it."""
    started = subprocess.Popen([sys.executable, "manage.py", *command], env=os.environ | WORKERS | environment)
    try:
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def processor_seconds(worker: psutil.Process) -> float:
    """Return what a worker's processes and PostgreSQL's have used so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postgres = psutil.Process(cursor.fetchone()[0]).parent()
    assert postgres is not None
    total = 0.0
    for process in (worker, *worker.children(recursive=True), postgres, *postgres.children()):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def wait_until(question: Callable[[], bool], what: str, *, every: float = 0.01) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not question():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(every)


def percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {1000 * p50:6.1f} ms   p99 {1000 * p99:6.1f} ms"


def ours_drained(count: int) -> Rate:
    """Measure from the first finished to the last."""
    from django.db.models import Max, Min

    from resilience.models import Task
    from resilience.models.tasks import TaskState
    from resilience.tasks import enqueue

    Task.objects.all().delete()
    for _ in range(count):
        enqueue("resilience.canary")
    done = Task.objects.filter(state=TaskState.SUCCEEDED)
    with process("run_worker") as worker:
        wait_until(done.exists, "our worker has begun")
        used, left = processor_seconds(worker), count - done.count()
        wait_until(lambda: done.count() == count, "our tasks are done", every=0.1)
        used = processor_seconds(worker) - used
    times = done.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    return Rate((count - 1) / (times["last"] - times["first"]).total_seconds(), 1000 * used / left)


def ours_latency(count: int) -> list[float]:
    """Return seconds from each task's row to its run's row, by the database's clock."""
    from django.db import connection

    from resilience.models import Task, TaskRun
    from resilience.tasks import enqueue

    Task.objects.all().delete()
    with process("run_worker"):
        enqueue("resilience.canary")
        wait_until(lambda: TaskRun.objects.exclude(outcome="").count() == 1, "the worker has begun")
        Task.objects.all().delete()
        _now_and_then(count, lambda: enqueue("resilience.canary"))
        wait_until(lambda: TaskRun.objects.count() == count, "each has run")
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM r.started_at - t.created_at)::float FROM resilience_taskrun r JOIN resilience_task t ON t.id = r.task_id")
        return [row[0] for row in cursor.fetchall()]


def bare(count: int, waking: int, note_file: Path) -> tuple[Rate, list[float]]:
    """Return the rate and the wake-up seconds of django-q2 alone. Runs in a process of its own (`_bare_process`): its settings are read once."""
    command = [sys.executable, "-m", "tests.bench.tasks", "bare", str(count), str(waking)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.bench.bare_settings", NOTE_VARIABLE: str(note_file)}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    speed, processor = output.split()[-2:]
    return Rate(float(speed), float(processor)), [float(line) for line in note_file.read_text().splitlines()]


def _bare_process(count: int, waking: int) -> None:
    import django

    django.setup()
    from django_q.models import OrmQ
    from django_q.tasks import async_task

    for _ in range(count):
        async_task("tests.bench.tasks.nothing")
    with process("qcluster") as cluster:
        wait_until(lambda: OrmQ.objects.count() < count, "django-q2 has begun")
        began, used, left = time.monotonic(), processor_seconds(cluster), OrmQ.objects.count()
        wait_until(lambda: not OrmQ.objects.exists(), "django-q2's messages are done", every=0.1)
        taken, used = time.monotonic() - began, processor_seconds(cluster) - used
        _now_and_then(waking, lambda: async_task("tests.bench.tasks.note", time.time()))
        wait_until(lambda: not OrmQ.objects.exists(), "each has run")
    print(left / taken, 1000 * used / left)


def _now_and_then(count: int, action: Callable[[], object]) -> None:
    chance = random.Random(20)
    for _ in range(count):
        time.sleep(chance.uniform(0.02, 0.12))
        action()


def main(scale: float) -> None:
    count, waking = max(200, round(3000 * scale)), max(50, round(300 * scale))
    with tempfile.TemporaryDirectory() as folder:
        bare_rate, bare_waits = bare(count, waking, Path(folder) / "note")
    our_rate, our_waits = ours_drained(count), ours_latency(waking)
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    print(f"{count} tasks that do nothing, 2 workers, {cores} cores shared with PostgreSQL, load {load:.1f}")
    for name, rate, waits in (("bare django-q2", bare_rate, bare_waits), ("ours, leased and kept", our_rate, our_waits)):
        print(f"  {name:<22}{rate.speed:6.0f} tasks/s   {rate.processor:5.2f} ms of processor each   wake-up {percentiles(waits)}")
    most = 1000 * cores / our_rate.processor
    print(
        f"  ours is {our_rate.speed / bare_rate.speed:.2f} × bare; its processor time allows {most:.0f} tasks/s here (goal ≥ 350). Wake-up: goal p50 ≤ 150 ms"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        _bare_process(int(sys.argv[2]), int(sys.argv[3]))
    else:
        part.run(main)
