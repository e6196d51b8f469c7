"""What the console's front page says: how much there is in every state, how old the oldest is, and what needs a hand.

One query per table; every number links to the list behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q, TextField
from django.db.models.functions import Cast, Left
from django.utils import timezone

from config.bottlenecks import bottlenecks
from config.machine import machine
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState
from processing.services.slots import capacity
from resilience import fleet
from resilience.admin_display import list_of, tone
from resilience.models import Circuit, OperatorAction, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import LIVE_STATES, TaskState
from support.models import Ticket, TicketState
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSession, Video, VideoState

GROUPS_SHOWN = 12
ROWS_SHOWN = 10
PUBLIC_ID_LENGTH = len("job_") + 20


@dataclass(frozen=True)
class StateCount:
    state: str
    label: str
    count: int
    oldest: datetime | None  # of rows that still wait for something; ended ones have no age
    tone: str
    address: str


@dataclass(frozen=True)
class Board:
    """One kind of row: its states that have any, in the order a row passes through them."""

    title: str
    address: str
    states: list[StateCount]
    total: int


def boards() -> list[Board]:
    return [
        _board(UploadSession, "Uploads", SessionState, since="updated_at", waiting=(*OPEN_SESSION_STATES, SessionState.RECEIVED)),
        _board(Video, "Videos", VideoState, since="updated_at", waiting=(VideoState.RECEIVING, VideoState.CHECKING, VideoState.CONVERTING, VideoState.BLOCKED)),
        _board(Job, "Jobs", JobState, since="created_at", waiting=LIVE_JOB_STATES),
        _board(Attempt, "Attempts", AttemptState, since="created_at", waiting=LIVE_ATTEMPT_STATES),
        _board(Task, "Tasks", TaskState, since="created_at", waiting=(*LIVE_STATES, TaskState.DEAD)),
        _board(Ticket, "Tickets", TicketState, since="updated_at", waiting=(TicketState.OPEN, TicketState.WAITING_ON_US)),
        _board(Circuit, "Circuits", CircuitState, since="updated_at", waiting=[state for state in CircuitState.values if state != CircuitState.CLOSED]),
    ]


def _board(model: Any, title: str, states: Any, *, since: str, waiting: Sequence[str]) -> Board:
    found = {row["state"]: row for row in model.objects.order_by().values("state").annotate(count=Count("pk"), oldest=Min(since, filter=Q(state__in=waiting)))}
    app, name = model._meta.app_label, model._meta.model_name
    counts = [
        StateCount(
            state=state.value,
            label=state.label,
            count=found[state.value]["count"],
            oldest=found[state.value]["oldest"],
            tone=tone(state.value, model=model),
            address=list_of(app, name, state__exact=state.value),
        )
        for state in states
        if state.value in found
    ]
    return Board(title=title, address=list_of(app, name), states=counts, total=sum(count.count for count in counts))


@dataclass(frozen=True)
class DeadGroup:
    """Dead letters that failed in the same way."""

    fingerprint: str
    kind: str
    code: str
    count: int
    first: datetime | None
    last: datetime | None
    sample: str  # a task's id
    sample_error: str
    address: str


def dead_groups() -> list[DeadGroup]:
    """Return the largest groups of dead letters."""
    groups = list(
        Task.objects.filter(state=TaskState.DEAD)
        .order_by()
        .values("error_fingerprint", "kind", "error_code")
        # As text: PostgreSQL before 18 knows no least uuid.
        # As text: PostgreSQL before 18 knows no least uuid.
        .annotate(count=Count("pk"), first=Min("finished_at"), last=Max("finished_at"), sample=Min(Cast("pk", TextField())))
        .order_by("-count", "-last")[:GROUPS_SHOWN]
    )
    errors = dict(Task.objects.filter(pk__in=[group["sample"] for group in groups]).values_list("pk", "last_error"))
    return [
        DeadGroup(
            fingerprint=group["error_fingerprint"],
            kind=group["kind"],
            code=group["error_code"],
            count=group["count"],
            first=group["first"],
            last=group["last"],
            sample=group["sample"],
            sample_error=errors.get(UUID(group["sample"]), ""),
            address=list_of("resilience", "task", state__exact="dead", kind__exact=group["kind"], error_fingerprint=group["error_fingerprint"]),
        )
        for group in groups
    ]


def stuck_tasks(*, now: datetime) -> list[Task]:
    """Leases that ended and nobody took over: the sweep should have, within two of its rounds."""
    late = now - timedelta(seconds=2 * settings.TASK_SWEEP_SECONDS)
    return list(Task.objects.filter(state=TaskState.LEASED, lease_expires_at__lt=late).order_by("lease_expires_at")[:ROWS_SHOWN])


def stuck_jobs(*, now: datetime) -> list[Job]:
    """Jobs that say they are alive while no try of theirs lives, none is waiting, and no task of theirs will come."""
    quiet = now - timedelta(minutes=5)
    # A job's tasks have keys that start with its id: `job_…`, `job_…:3:now`.
    with_task = Task.objects.filter(state__in=LIVE_STATES).exclude(key="").values(about=Left("key", PUBLIC_ID_LENGTH))
    return list(
        Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING), updated_at__lt=quiet)
        .exclude(attempts__state__in=LIVE_ATTEMPT_STATES)
        .exclude(public_id__in=with_task)
        .order_by("updated_at")[:ROWS_SHOWN]
    )


def waiting_tickets() -> list[Ticket]:
    return list(
        Ticket.objects.filter(state__in=(TicketState.OPEN, TicketState.WAITING_ON_US)).select_related("owner", "video").order_by("updated_at")[:ROWS_SHOWN]
    )


def busy_workers() -> list[Any]:
    held = Task.objects.filter(state=TaskState.LEASED).order_by().values(owner=F("lease_owner"))
    return list(held.annotate(tasks=Count("pk"), seen=Max("heartbeat_at")).order_by("owner")[:ROWS_SHOWN])


def front_page() -> dict[str, Any]:
    """Return everything the front page shows."""
    now = timezone.now()
    return {
        "now": now,
        "bottlenecks": bottlenecks(),
        "boards": boards(),
        "dead_groups": dead_groups(),
        "stuck_tasks": stuck_tasks(now=now),
        "stuck_jobs": stuck_jobs(now=now),
        "workers": fleet.workers(),
        "busy": busy_workers(),
        "circuits": list(Circuit.objects.order_by("name")[:50]),
        "waiting_tickets": waiting_tickets(),
        "local_engine": capacity(),
        **machine(now=now),
        "last_actions": list(OperatorAction.objects.select_related("actor").order_by("-id")[:5]),
    }
