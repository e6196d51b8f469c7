"""The work: somebody does it, nothing is stuck, nothing was given up, no circuit is open."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils import timezone

from resilience import fleet, reaping
from resilience.models import Circuit, Reaper, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import WAITING_STATES, TaskState

from .registry import Finding, check, failed, ok, warning

LATE = timedelta(minutes=2)


@check("Worker", needs_database=True)
def worker() -> Finding:
    """Somebody takes tasks: a worker process lives here or is connected from anywhere, and no task is late."""
    start = "Start one: `manage.py run_worker` (`make up` does it)."
    here = [pid for file in sorted((Path(settings.VAR_DIR) / "run").glob("worker*.pid")) if (pid := _living(file))]
    hosts = fleet.workers()
    overdue = Task.objects.filter(state__in=WAITING_STATES, run_at__lt=Now() - LATE).aggregate(count=Count("pk"), oldest=Min("run_at"))
    if overdue["count"]:
        said = f"{overdue['count']} tasks are more than 2 minutes late, the oldest since {overdue['oldest']:%Y-%m-%d %H:%M} UTC"
        if here or hosts:
            return warning(f"{said}, although a worker lives.", "Look at the worker's log, and give it more hands (WORKERS, MEDIA_WORKERS).")
        return failed(f"{said}, and no worker lives.", start)
    if hosts:
        return ok(f"At work on {', '.join(host.address for host in hosts)}; no task is late.")
    if here:
        return warning(f"Process {here[0]} lives here, but holds no connection to the database.", "Look at the worker's log; it may be waiting to start again.")
    return warning("None is connected.", start)


def _living(file: Path) -> int:
    """The process id in a pid file, or 0 when no such process lives."""
    try:
        pid = int(file.read_text().split()[0])
        os.kill(pid, 0)
    except PermissionError:
        return pid  # it lives, as another user
    except (OSError, ValueError, IndexError):
        return 0
    return pid


@check("Leases", needs_database=True)
def leases() -> Finding:
    late = Now() - timedelta(seconds=2 * settings.TASK_SWEEP_SECONDS)
    stuck = Task.objects.filter(state=TaskState.LEASED, lease_expires_at__lt=late).count()
    if stuck:
        return failed(
            f"{stuck} tasks are held by nobody: their leases ended and no sweep took them over.", "Run `manage.py recover`, and see that a worker runs."
        )
    return ok("Every lease is renewed.")


@check("Dead letters", needs_database=True)
def dead_letters() -> Finding:
    dead = Task.objects.filter(state=TaskState.DEAD)
    count = dead.count()
    if not count:
        return ok("None.")
    kind, most = dead.values_list("kind").annotate(count=Count("pk")).order_by("-count")[0]
    return warning(
        f"{count} tasks were given up, {most} of them {kind}.", "Look at the groups on /admin/, mend the cause, then replay the group or discard it there."
    )


@check("Circuits", needs_database=True)
def circuits() -> Finding:
    unwell = list(Circuit.objects.exclude(state=CircuitState.CLOSED).order_by("name"))
    if not unwell:
        return ok("All are closed.")
    said = ", ".join(f"{circuit.name} is {circuit.get_state_display()}" + (f" ({circuit.last_error})" if circuit.last_error else "") for circuit in unwell[:5])
    return warning(f"{said}.", "Mend the dependency: its circuit closes by itself. One forced by hand is reset on /admin/.")


@check("Reapers", needs_database=True)
def reapers() -> Finding:
    """What clears up has run in its time, and nothing of it stopped."""
    rows = list(Reaper.objects.order_by("name"))
    now = timezone.now()
    late = [row.name for row in rows if reaping.is_overdue(row, now=now)]
    stopped = [f"{row.name} ({row.error})" for row in rows if row.error]
    if late:
        return warning(f"Nobody runs {', '.join(late[:5])}.", "See that a worker runs; `manage.py recover` runs all of them now.")
    if stopped:
        return warning(f"Stopped: {'; '.join(stopped[:3])}.", "They try again by themselves; look at their errors on /admin/resilience/reaper/.")
    return ok(f"{len(rows)} run on time.")
