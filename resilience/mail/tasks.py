from __future__ import annotations

from resilience.tasks import TaskContext, durable

from . import CIRCUIT, KIND, deliver
from . import errors as errors  # registers its entries


@durable(KIND, priority=20, timeout=60.0, needs=(CIRCUIT,), on_dead=deliver.bury)
def deliver_mail(context: TaskContext, *, mail_id: str) -> None:
    deliver.deliver(mail_id)
