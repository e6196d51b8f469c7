"""Uploads that are not over, and whether S3 takes them where it is to."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from resilience.metrics.tables import Reading, collector, table_gauge
from resilience.models import Circuit
from resilience.models.circuits import CircuitState
from resilience.watching.readiness import Health, ok, readiness, unavailable

from .models import OPEN_SESSION_STATES, SessionState, UploadSession

SESSIONS = table_gauge("holdfast_uploads_sessions", "Uploads that are not over, by state.", ["state"])
MISSING = table_gauge("holdfast_uploads_missing_bytes", "Bytes still to come of uploads that are not over and said how long they are.")


@collector("uploads")
def sessions() -> Iterable[Reading]:
    going = (*OPEN_SESSION_STATES, SessionState.RECEIVED)
    found = {state: (count, missing) for state, count, missing in _by_state(going)}
    for state in going:
        yield SESSIONS.reading(found.get(state, (0, 0))[0], state)
    yield MISSING.reading(float(sum(missing for _count, missing in found.values())))


def _by_state(states: tuple[str, ...]) -> Iterable[tuple[str, int, int]]:
    rows = UploadSession.objects.filter(state__in=states).order_by().values_list("state")
    return rows.annotate(count=Count("pk"), missing=Coalesce(Sum(F("length") - F("committed")), 0))


@readiness("s3", critical=False)
def s3() -> Health:
    """As the calls themselves found it: asking S3 for nothing every few seconds would cost money and tell less."""
    if settings.UPLOAD_STORE != "s3":
        return ok("Not used.")
    resting = Circuit.objects.filter(name="s3", state__in=(CircuitState.OPEN, CircuitState.FORCED_OPEN)).first()
    return unavailable(f"S3 fails: {resting.last_error[:200]}") if resting else ok()
