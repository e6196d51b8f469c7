"""Durable work of `uploads`."""

from __future__ import annotations

from resilience import recovery
from resilience.models import Task
from resilience.tasks import TaskContext, durable
from uploads.services.expire import expire_uploads, reap_orphans
from uploads.services.inspect import give_up, inspect_upload


def _dead(task: Task) -> None:
    give_up(str(task.payload["session_id"]))


@durable("uploads.inspect", timeout=120, tries=4, on_dead=_dead)
def inspect(context: TaskContext, *, session_id: str) -> None:
    inspect_upload(session_id, attempt=context.attempt, stopped=context.lease_lost)


recovery.register("uploads.expire", expire_uploads)
recovery.register("uploads.orphans", reap_orphans)
