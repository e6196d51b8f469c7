"""Whether there is anything to do, for those who only want to know."""

from __future__ import annotations

from django.db.models.functions import Now

from resilience.models import Task
from resilience.models.tasks import WAITING_STATES


def something_is_due(queue: str) -> bool:
    return Task.objects.filter(queue=queue, state__in=WAITING_STATES, run_at__lte=Now()).exists()
