"""What every process of ours stands on. Rooms and owners of other dependencies register theirs beside the code that uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now

from resilience import fleet
from resilience.metrics import current
from resilience.models import Circuit, Task
from resilience.models.circuits import CircuitState
from resilience.models.policies import PauseScope
from resilience.models.tasks import WAITING_STATES
from resilience.tasks.policies import pauses

from .readiness import Health, degraded, ok, readiness, unavailable

LATE = timedelta(minutes=2)
CANARY_SECONDS = 60.0
# A busy process waits as long for a connection: it must not be taken for one without a database.
_options: Any = settings.DATABASES["default"].get("OPTIONS", {})
POOL_SECONDS: float = 1.0 + _options.get("pool", {}).get("timeout", 3.0)
_applied: set[str] = set()


@readiness("database", critical=True, seconds=POOL_SECONDS)
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


@readiness("worker", critical=False, seconds=POOL_SECONDS, every=5.0)
def worker() -> Health:
    """Somebody does the work: a worker is connected from anywhere, canaries come through those of this host, and nothing due waits for minutes."""
    if not fleet.workers():
        return unavailable("No worker is connected.")
    queues = ["default", *settings.Q_CLUSTER["ALT_CLUSTERS"]]
    silent = [queue for queue in queues if current("holdfast_tasks_canary_age_seconds", queue=queue) > CANARY_SECONDS]
    if silent:
        return degraded(f"No canary comes through the workers of this host: {', '.join(silent)}.")
    late = [queue for queue in queues if _is_late(queue)]
    return degraded(f"Tasks wait for more than {LATE.seconds // 60} minutes: {', '.join(late)}.") if late else ok()


def _is_late(queue: str) -> bool:
    """Whether something waits that nobody paused. One look, however long the queue is."""
    held = pauses()
    if any(pause.scope == PauseScope.QUEUE and pause.name == queue for pause in held):
        return False
    waiting = Task.objects.filter(queue=queue, state__in=WAITING_STATES, run_at__lt=Now() - LATE)
    return waiting.exclude(kind__in=[pause.name for pause in held if pause.scope == PauseScope.KIND]).exists()


@readiness("circuits", critical=False, seconds=POOL_SECONDS)
def circuits() -> Health:
    resting = Circuit.objects.filter(state__in=(CircuitState.OPEN, CircuitState.FORCED_OPEN)).order_by("name")
    said = [f"{circuit.name} ({circuit.last_error[:100]})" if circuit.last_error else circuit.name for circuit in resting[:20]]
    return degraded(f"Open: {', '.join(said)}.") if said else ok()
