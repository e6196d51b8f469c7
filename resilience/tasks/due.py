"""Whether there is anything to do, for those who only want to know."""

from __future__ import annotations

from .lines import due_now


def something_is_due(queue: str) -> bool:
    """Return whether a task of the queue could be claimed now: due, waiting, and not held by a pause or a resting circuit."""
    return bool(due_now(queue, most=1))
