"""The smallest task there is, one kind per queue: to see that work goes from a row through a worker and back."""

from __future__ import annotations

import time

from .registry import TaskContext, durable

_STEP_SECONDS = 0.05


def _stay_alive(context: TaskContext, *, seconds: float = 0.0, **_labels: str) -> None:
    """Take `seconds` and do nothing. Other values of the payload only make it recognisable."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not context.lease_lost():
        time.sleep(_STEP_SECONDS)


durable("resilience.canary", timeout=600, tries=3)(_stay_alive)
durable("resilience.canary_media", queue="media", timeout=600, tries=3)(_stay_alive)
