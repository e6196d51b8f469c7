"""Durable task bodies for engines elsewhere: look at what they made, stop what nobody wants."""

from __future__ import annotations

from processing.services import remote, verifying
from resilience.tasks import TaskContext, durable


@durable("processing.verify", timeout=900, on_dead=verifying.verify_is_dead)
def verify(context: TaskContext, *, job_id: str, attempt_id: str) -> None:
    verifying.verify(context, attempt_id)


@durable("processing.cancel_remote", timeout=120, tries=20)
def cancel_remote(context: TaskContext, *, attempt_id: str, external_id: str, region: str, source: str = "") -> None:
    remote.stop(attempt_id, external_id, region=region, source=source)
