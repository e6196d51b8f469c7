"""What every process of ours stands on. Rooms and owners of other dependencies register theirs beside the code that uses them."""

from __future__ import annotations

import shutil
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.db.models.functions import Now

from resilience import fleet
from resilience.models import Circuit, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import WAITING_STATES

from .readiness import Health, degraded, ok, readiness, unavailable

LATE = timedelta(minutes=2)
DISK_LOW, DISK_FULL = 10.0, 5.0  # percent free: below, nothing new is begun; below, everything that can be is cleared away
_applied: set[str] = set()


@readiness("database", critical=True)
def database() -> Health:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ok()


@readiness("migrations", critical=True, seconds=10.0)
def migrations() -> Health:
    """The tables are what this release needs. Once they are they stay so, and nobody looks again."""
    if connection.settings_dict["NAME"] in _applied:
        return ok()
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return unavailable(f"{len(missing)} migrations are not applied. Run `manage.py migrate`.")
    _applied.add(connection.settings_dict["NAME"])
    return ok()


@readiness("disk", critical=False)
def disk() -> Health:
    usage = shutil.disk_usage(settings.VAR_DIR)
    free = 100 * usage.free / usage.total
    said = f"{free:.0f} % of the disk is free."
    if free < DISK_FULL:
        return unavailable(said)
    return degraded(said) if free < DISK_LOW else ok(said)


@readiness("worker", critical=False, every=5.0)
def worker() -> Health:
    """Somebody does the work: a worker is connected from anywhere, and nothing due waits for minutes (its canary sees to the rest)."""
    if not fleet.workers():
        return unavailable("No worker is connected.")
    late = Task.objects.filter(state__in=WAITING_STATES, run_at__lt=Now() - LATE).order_by().values_list("queue").annotate(since=Max("run_at"))
    queues = sorted(queue for queue, _since in late)
    return degraded(f"Tasks wait for more than {LATE.seconds // 60} minutes: {', '.join(queues)}.") if queues else ok()


@readiness("circuits", critical=False)
def circuits() -> Health:
    resting = Circuit.objects.filter(state__in=(CircuitState.OPEN, CircuitState.FORCED_OPEN)).order_by("name")
    said = [f"{circuit.name} ({circuit.last_error[:100]})" if circuit.last_error else circuit.name for circuit in resting[:20]]
    return degraded(f"Open: {', '.join(said)}.") if said else ok()
