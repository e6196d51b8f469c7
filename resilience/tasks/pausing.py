"""Stop beginning tasks of a kind or of a queue, and go on with them. What runs ends by itself; what waits stays pending and keeps its place."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from resilience import audit
from resilience.models import Pause, Task
from resilience.models.policies import PauseScope
from resilience.models.tasks import WAITING_STATES

from . import policies
from .errors import NothingPaused, PauseAlreadyOver, PauseTargetUnknown
from .registry import all_kinds


def pause(scope: str, name: str, *, by: AbstractBaseUser | None, reason: str, until: datetime | None = None) -> Pause:
    """Pause a kind or a queue; one that is paused already gets the new reason and end.

    Args:
        until: ends by itself then (UTC); None lasts until somebody resumes it.

    Raises:
        PauseTargetUnknown: there is no such kind or queue.
        PauseAlreadyOver: the end lies behind us.
    """
    if name not in names_of(scope):
        raise PauseTargetUnknown(scope=scope, name=name)
    if until is not None and until <= timezone.now():
        raise PauseAlreadyOver(name=name)
    values = {"reason": reason[:500], "by": by, "until": until}
    with transaction.atomic():
        held, _made = Pause.objects.update_or_create(scope=scope, name=name, defaults=values, create_defaults=values)
        audit.record(actor=by, action="task.pause", target=f"{scope} {name}{f' until {until:%Y-%m-%d %H:%M} UTC' if until else ''}", reason=reason)
    transaction.on_commit(policies.forget)
    return held


def resume(scope: str, name: str, *, by: AbstractBaseUser | None, reason: str) -> int:
    """End a pause. Return how many due tasks may begin now; the sweep wakes workers for them within seconds.

    Raises:
        NothingPaused: it is not paused (any more).
    """
    with transaction.atomic():
        deleted, _rows = Pause.objects.filter(scope=scope, name=name).delete()
        if not deleted:
            raise NothingPaused(scope=scope, name=name)
        audit.record(actor=by, action="task.resume", target=f"{scope} {name}", reason=reason)
    transaction.on_commit(policies.forget)
    return waiting(scope, name, due=True)


def names_of(scope: str) -> list[str]:
    """Return what can be paused: every declared kind, every queue, and those that tasks wait in though no code declares them."""
    field = PauseScope(scope).value
    declared = {getattr(kind, "name" if scope == PauseScope.KIND else "queue") for kind in all_kinds()}
    return sorted(declared | set(Task.objects.filter(state__in=WAITING_STATES).values_list(field, flat=True).distinct()))


def waiting(scope: str, name: str, *, due: bool = False) -> int:
    """Return how many tasks of a kind or queue wait; with `due`, only those whose time has come."""
    tasks = Task.objects.filter(state__in=WAITING_STATES, **{PauseScope(scope).value: name})
    return tasks.filter(run_at__lte=Now()).count() if due else tasks.count()


def live_pauses() -> list[Pause]:
    """Return the pauses that count now, the longest first."""
    return list(Pause.objects.filter(Q(until__isnull=True) | Q(until__gt=Now())).select_related("by").order_by("since"))


def prune_pauses(*, dry_run: bool = False) -> int:
    """Delete pauses that ended by themselves. Return how many."""
    over = Pause.objects.filter(until__lte=Now())
    return over.count() if dry_run else over.delete()[0]
