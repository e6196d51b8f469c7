"""What other libraries tell us."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django_q.signals import post_spawn


@receiver(post_spawn, dispatch_uid="resilience.monitor")
def _watch(sender: Any, proc_name: str = "", **_kwargs: Any) -> None:
    """In each process of a cluster of tasks, as it begins."""
    from resilience.monitor import watch_task_process

    watch_task_process()
