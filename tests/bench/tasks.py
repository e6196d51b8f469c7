"""Tasks: how many a second go through claim, run row, body and finish, and how long a worker needs to hear of one; beside bare django-q2.

Both on the same PostgreSQL in the same run, two workers each, bodies that do nothing. Bare django-q2 keeps nothing: no row of the run, no
lease, no heartbeat, no fencing; a killed worker's task leaves no trace there. BENCH_SCALE 1.0 is 3,000 tasks and 300 wake-ups.
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
from contextlib import contextmanager
from pathlib import Path

from tests.bench import part

WORKERS = {"WORKERS": "2", "MEDIA_WORKERS": "1", "LOG_LEVEL": "WARNING", "HOLDFAST_ROLE": "worker"}
PATIENCE_SECONDS = 300.0
NOTE_VARIABLE = "BENCH_NOTE"


def note(sent: float) -> None:
    """Bare django-q2's body: write down how long it was under way."""
    with Path(os.environ[NOTE_VARIABLE]).open("a") as file:
        file.write(f"{time.time() - sent}\n")


def nothing() -> None: ...


@contextmanager
def process(*command: str, **environment: str) -> Iterator[None]:
    """Run `manage.py …` until the block ends; its children end with it."""
    started = subprocess.Popen([sys.executable, "manage.py", *command], env=os.environ | WORKERS | environment)
    try:
        yield
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until(question: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not question():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(0.01)


def percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {1000 * p50:6.1f} ms   p99 {1000 * p99:6.1f} ms"


def ours_drained(count: int) -> float:
    """Return tasks/s from the first finished to the last."""
    from django.db.models import Max, Min

    from resilience.models import Task
    from resilience.models.tasks import TaskState
    from resilience.tasks import enqueue

    Task.objects.all().delete()
    for _ in range(count):
        enqueue("resilience.canary")
    done = Task.objects.filter(state=TaskState.SUCCEEDED)
    with process("run_worker"):
        wait_until(lambda: done.count() == count, "our tasks are done")
    times = done.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    return (count - 1) / (times["last"] - times["first"]).total_seconds()


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


def bare(count: int, waking: int, note_file: Path) -> tuple[float, list[float]]:
    """Return tasks/s and wake-up seconds of django-q2 alone. Runs in a process of its own (`_bare_process`): its settings are read once."""
    command = [sys.executable, "-m", "tests.bench.tasks", "bare", str(count), str(waking)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.bench.bare_settings", NOTE_VARIABLE: str(note_file)}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return float(output.split()[-1]), [float(line) for line in note_file.read_text().splitlines()]


def _bare_process(count: int, waking: int) -> None:
    import django

    django.setup()
    from django_q.models import OrmQ
    from django_q.tasks import async_task

    for _ in range(count):
        async_task("tests.bench.tasks.nothing")
    with process("qcluster"):
        wait_until(lambda: OrmQ.objects.count() < count, "django-q2 has begun")
        began, left = time.monotonic(), OrmQ.objects.count()
        wait_until(lambda: not OrmQ.objects.exists(), "django-q2's messages are done")
        taken = time.monotonic() - began
        _now_and_then(waking, lambda: async_task("tests.bench.tasks.note", time.time()))
        wait_until(lambda: not OrmQ.objects.exists(), "each has run")
    print(left / taken)


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
    load = os.getloadavg()[0]
    print(f"{count} tasks that do nothing, 2 workers, {os.cpu_count()} cores shared with PostgreSQL, load {load:.1f}")
    print(f"  bare django-q2        {bare_rate:7.0f} tasks/s                     wake-up {percentiles(bare_waits)}")
    print(
        f"  ours, leased and kept {our_rate:7.0f} tasks/s  ({our_rate / bare_rate:4.2f} × bare; goal ≥ 350)  wake-up {percentiles(our_waits)} (goal p50 ≤ 150)"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        _bare_process(int(sys.argv[2]), int(sys.argv[3]))
    else:
        part.run(main)
