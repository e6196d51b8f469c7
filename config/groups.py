"""Two groups of staff, made once after migrating: `Support` answers people, `Operator` also runs the machine.

They are only made, never mended: what an installation changes about them stays.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

ROOMS = ("resilience", "uploads", "processing", "notifications", "support")
LAST_ROOM = "support"  # its permissions are the last to be made
ANSWERING = ("support.answer_ticket", "processing.retry_job")
RUNNING = (
    *ANSWERING,
    "processing.cancel_job",
    "processing.change_retrypolicy",
    "processing.replay_event",
    "processing.cancel_orphan",
    "resilience.replay_task",
    "resilience.discard_task",
    "resilience.force_circuit",
    "resilience.pause_tasks",
    "resilience.change_taskpolicy",
    "resilience.run_reaper",
)
GROUPS = {"Support": ANSWERING, "Operator": RUNNING}


def make_groups(sender: Any, *, using: str = "default", **_kwargs: Any) -> None:
    """Receiver of `post_migrate`."""
    if sender.label != LAST_ROOM:
        return
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group

    missing = set(GROUPS) - set(Group.objects.using(using).filter(name__in=GROUPS).values_list("name", flat=True))
    if not missing:
        return
    create_permissions(sender, verbosity=0, using=using)  # ours may be called before Django's own receiver
    for name in sorted(missing):
        _make(name, GROUPS[name], using=using)


def _make(name: str, powers: tuple[str, ...], *, using: str) -> None:
    from django.contrib.auth.models import Group, Permission
    from django.db.models import Q

    wanted = Q(content_type__app_label__in=ROOMS, codename__startswith="view_")
    for power in powers:
        app, codename = power.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    with transaction.atomic(using=using):
        group, made = Group.objects.using(using).get_or_create(name=name)
        if made:
            group.permissions.set(Permission.objects.using(using).filter(wanted))
