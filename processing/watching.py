"""How converting goes: what waits, what runs, and whether people have to wait longer than they are used to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Now

from resilience.metrics.tables import Reading, collector, table_gauge
from resilience.models import Circuit, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import WAITING_STATES
from resilience.watching.checks import POOL_SECONDS
from resilience.watching.readiness import Health, degraded, ok, readiness, unavailable

from .models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, Job
from .services.outcomes import circuits_of

JOBS = table_gauge("holdfast_jobs", "Jobs that are not over, by state.", ["state"])
ATTEMPTS = table_gauge("holdfast_attempts_live", "Tries an engine works on now, by engine.", ["engine"])

LONG_WAIT = timedelta(minutes=10)
MEDIA_QUEUE = "media"


@collector("jobs")
def jobs() -> Iterable[Reading]:
    found = dict(Job.objects.filter(state__in=LIVE_JOB_STATES).order_by().values_list("state").annotate(count=Count("pk")))
    for state in LIVE_JOB_STATES:
        yield JOBS.reading(found.get(state, 0), state)
    for engine, count in Attempt.objects.filter(state__in=LIVE_ATTEMPT_STATES).order_by().values_list("engine").annotate(count=Count("pk")):
        yield ATTEMPTS.reading(count, engine)


@readiness("conversions", critical=False, seconds=POOL_SECONDS, every=5.0)
def conversions() -> Health:
    """Somebody's file would be converted in reasonable time: an engine of the chain lets calls through, and the line is short."""
    names = {name: engine for engine in settings.ENGINES for name in circuits_of(engine)}
    resting = set(Circuit.objects.filter(name__in=names, state__in=(CircuitState.OPEN, CircuitState.FORCED_OPEN)).values_list("name", flat=True))
    if {names[name] for name in resting}.issuperset(settings.ENGINES):
        return unavailable(f"No engine takes work: {', '.join(settings.ENGINES)}.")
    if Task.objects.filter(queue=MEDIA_QUEUE, state__in=WAITING_STATES, run_at__lt=Now() - LONG_WAIT).exists():
        return degraded(f"Conversions wait for more than {LONG_WAIT.seconds // 60} minutes for a worker.")
    return degraded(f"Without {', '.join(sorted(resting))}.") if resting else ok()
