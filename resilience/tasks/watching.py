"""What is told about the work: whether this host takes any."""

from __future__ import annotations

from resilience import draining
from resilience.watching.readiness import Health, ok, readiness, unavailable


@readiness("draining", critical=True)
def drained() -> Health:
    """A drained host is not ready: whatever sends people here sends them elsewhere. What they have begun goes on."""
    found = draining.current()
    return ok() if found is None else unavailable(f"Drained since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}")
