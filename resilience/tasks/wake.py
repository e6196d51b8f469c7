"""Wake-ups: a hint to a queue's workers that something is due. Losing one costs a sweep, no more."""

from __future__ import annotations

import structlog

from .brokers import broker_of
from .brokers.counted import FAILED

log = structlog.get_logger(__name__)


def wake(queue: str, count: int = 1) -> None:
    """Wake up to `count` workers of a queue. Never raises, and never waits for another machine: the sweep is the safety net."""
    if count < 1:
        return
    try:
        broker_of(queue).wake(count)
    except Exception:
        FAILED.inc(count)
        log.warning("task.wake_failed", queue=queue, count=count, exc_info=True)
