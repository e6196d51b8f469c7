"""What is told about the work: whether this host takes any, and whether wake-ups get through."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from resilience import draining
from resilience.watching.readiness import Health, degraded, ok, readiness, unavailable

from .brokers import broker_of, queues


@readiness("draining", critical=True)
def drained() -> Health:
    """A drained host is not ready: whatever sends people here sends them elsewhere. What they have begun goes on."""
    found = draining.current()
    return ok() if found is None else unavailable(f"Drained since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}")


@readiness("broker", critical=False, seconds=5.0, every=5.0)
def broker() -> Health:
    """Valkey or SQS, where wake-ups go through one: without it work begins up to a second later."""
    if not settings.TASK_BROKER_URL:
        return ok("The database carries wake-ups.")
    asked: Any = broker_of(queues()[0])
    try:
        waiting = asked.waiting()
    except asked.away as fault:
        return degraded(f"It does not answer ({type(fault).__name__}): workers ask the database every second instead.")
    return ok(f"{waiting} wake-ups wait in the queue {asked.queue}.")
