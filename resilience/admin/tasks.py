"""Tasks, their runs and dead letters in the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html

from resilience.admin_actions import Change, ConsoleAdmin, Given, RowsInside
from resilience.admin_display import NOTHING, age, as_json, as_text, badge, between, by_public_id, error_label, list_of, state_of
from resilience.admin_filters import recent
from resilience.circuits import rests
from resilience.models import Task, TaskRun
from resilience.models.tasks import LIVE_STATES, WAITING_STATES, TaskState
from resilience.redaction import payload_without_secrets
from resilience.tasks import dead, groups, policies
from resilience.tasks.registry import find_kind

from . import dead_letters


class TaskRunInline(RowsInside):
    model = TaskRun
    ordering = ["-number"]
    fields = ["number", "owner", "started_at", "took", "how", "error_code", "error", "trace"]

    @admin.display(description="took")
    def took(self, run: TaskRun) -> str:
        return between(run.started_at, run.ended_at)

    @admin.display(description="outcome")
    def how(self, run: TaskRun) -> str:
        return badge(run.outcome or "running")

    @admin.display(description="trace")
    def trace(self, run: TaskRun) -> str:
        return format_html("<details><summary>show</summary>{}</details>", as_text(run.traceback)) if run.traceback else "–"


def _is_dead(task: Task) -> bool:
    return task.state == TaskState.DEAD


def _is_dead_in_group(task: Task) -> bool:
    return _is_dead(task) and bool(task.error_fingerprint)


def _replay(task: Task, given: Given) -> None:
    dead.replay(task)


def _discard(task: Task, given: Given) -> None:
    dead.discard(task)


def _cancel(task: Task, given: Given) -> None:
    dead.cancel(task)


def _change_group(action: str) -> Callable[[Task, Given], int]:
    """A task does it batch by batch; how many it will look at is known at once."""

    def apply(task: Task, given: Given) -> int:
        return groups.change_all(action, fingerprint=task.error_fingerprint, by=given.actor, reason=given.reason).matched

    return apply


@admin.register(Task)
class TaskAdmin(ConsoleAdmin):
    list_display = ["__str__", "shown_state", "attempt", "error_code", "group", "waits", "run_at", "created_at"]
    list_filter = ["state", recent("kind"), recent("queue"), recent("error_code", state=TaskState.DEAD)]
    search_fields = ["key__startswith", "error_fingerprint__exact", "request_id__exact"]
    search_help_text = "Start of a key (a job's or an upload's id), a whole fingerprint, or a whole request id."
    ordering = ["-created_at", "-id"]
    inlines = [TaskRunInline]
    fieldsets = [
        (None, {"fields": ["kind", "key", "queue", "shown_state", "held", "about", "priority", "payload_json"]}),
        ("Progress", {"fields": ["attempt", "crash_count", "run_at", "woken_at", "created_at", "finished_at", "request_id"]}),
        ("Lease", {"fields": ["lease_owner", "lease_epoch", "lease_expires_at", "heartbeat_at"]}),
        ("What went wrong", {"fields": ["error", "group", "last_words"]}),
    ]
    changes = [
        Change(
            name="replay",
            label="Replay",
            done="replayed",
            permission="resilience.replay_task",
            consequence="Each dead letter starts again with its tries counted from zero; its history is kept.",
            apply=_replay,
            fits=_is_dead,
        ),
        Change(
            name="replay_group",
            label="Replay its whole group",
            done="to be replayed, batch by batch",
            permission="resilience.replay_task",
            consequence="Every dead letter that failed in the same way as a chosen one starts again, chosen or not: ten a second, in the background.",
            apply=_change_group("replay"),
            fits=_is_dead_in_group,
            service_records=True,
        ),
        Change(
            name="discard",
            label="Discard",
            done="discarded",
            permission="resilience.discard_task",
            consequence="The work will never be done. Its history is kept.",
            apply=_discard,
            fits=_is_dead,
        ),
        Change(
            name="discard_group",
            label="Discard its whole group",
            done="to be discarded, batch by batch",
            permission="resilience.discard_task",
            consequence="Every dead letter that failed in the same way as a chosen one is given up, chosen or not. Their history is kept.",
            apply=_change_group("discard"),
            fits=_is_dead_in_group,
            service_records=True,
        ),
        Change(
            name="cancel",
            label="Cancel",
            done="canceled",
            permission="resilience.discard_task",
            consequence="A live task will not run again; one that runs just now is told to stop, and what it still stores is refused.",
            apply=_cancel,
            fits=lambda task: task.state in LIVE_STATES,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, task: Task) -> str:
        return state_of(task)

    @admin.display(description="held back")
    def held(self, task: Task) -> str:
        """Why a task that waits is not begun although its time has come."""
        if task.state not in WAITING_STATES:
            return NOTHING
        if pause := policies.paused(task.kind, task.queue):
            return f"The {pause.scope} {pause.name} is paused{f' by {pause.by}' if pause.by else ''}: {pause.reason}"
        kind = find_kind(task.kind)
        open_circuits = [name for name in kind.needs if rests(name) > 0] if kind else []
        return f"It needs what rests just now: {', '.join(open_circuits)}" if open_circuits else NOTHING

    @admin.display(description="group", ordering="error_fingerprint")
    def group(self, task: Task) -> str:
        if not task.error_fingerprint:
            return "–"
        same = list_of("resilience", "task", state__exact=TaskState.DEAD, error_fingerprint=task.error_fingerprint)
        return format_html('<a href="{}"><code>{}</code></a>', same, task.error_fingerprint[:10])

    @admin.display(description="age")
    def waits(self, task: Task) -> str:
        return age(task.created_at) if task.state in LIVE_STATES else "–"

    @admin.display(description="about")
    def about(self, task: Task) -> str:
        return by_public_id(task.key)

    @admin.display(description="payload")
    def payload_json(self, task: Task) -> str:
        return as_json(payload_without_secrets(task.payload))

    @admin.display(description="error")
    def error(self, task: Task) -> str:
        return error_label(task.error_code)

    @admin.display(description="last error")
    def last_words(self, task: Task) -> str:
        return as_text(task.last_error)

    def get_urls(self) -> list[Any]:
        own = path("dead-letters/", self.admin_site.admin_view(self.dead_letters), name="resilience_task_dead_letters")
        return [own, *super().get_urls()]

    def dead_letters(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return dead_letters.page(self.admin_site, request)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == "error_fingerprint" or super().lookup_allowed(lookup, value, request)
