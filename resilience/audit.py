"""The audit log: who changed what by hand, and why."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser

from resilience.http.request_ids import current_request_id
from resilience.models import OperatorAction


def record(*, actor: AbstractBaseUser | None, action: str, target: str, reason: str = "", count: int = 1) -> OperatorAction:
    """Write down a change made by hand, in the caller's transaction: with its rollback the record is gone too.

    Args:
        actor: None for a command run on the machine.
        target: what it was done to, or the filter that chose it.
        count: rows it touched.
    """
    return OperatorAction.objects.create(
        actor_id=actor.pk if actor is not None else None,
        action=action[:80],
        target=target[:200],
        reason=reason[:500],
        count=count,
        request_id=current_request_id(),
    )
