"""Tasks, dead letters, circuits and the audit log in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from resilience.admin_actions import Change, ConsoleAdmin, Given, ReasonForm, RowsInside
from resilience.admin_display import age, as_json, as_text, badge, between, by_public_id, error_label, link, list_of, state_of
from resilience.admin_filters import recent
from resilience.circuits import control
from resilience.models import Circuit, CircuitEvent, OperatorAction, Task, TaskRun
from resilience.models.circuits import CircuitState
from resilience.models.tasks import LIVE_STATES, TaskState
from resilience.tasks import dead


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


def _replay_group(task: Task, given: Given) -> int:
    return dead.replay_group(task.error_fingerprint)


def _discard_group(task: Task, given: Given) -> int:
    return dead.discard_group(task.error_fingerprint)


@admin.register(Task)
class TaskAdmin(ConsoleAdmin):
    list_display = ["__str__", "shown_state", "attempt", "error_code", "group", "waits", "run_at", "created_at"]
    list_filter = ["state", recent("kind"), recent("queue"), recent("error_code", state=TaskState.DEAD)]
    search_fields = ["key__startswith", "error_fingerprint__exact", "request_id__exact"]
    search_help_text = "Start of a key (a job's or an upload's id), a whole fingerprint, or a whole request id."
    ordering = ["-created_at", "-id"]
    inlines = [TaskRunInline]
    fieldsets = [
        (None, {"fields": ["kind", "key", "queue", "shown_state", "about", "priority", "payload_json"]}),
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
            done="replayed",
            permission="resilience.replay_task",
            consequence="Every dead letter that failed in the same way as a chosen one starts again, chosen or not.",
            apply=_replay_group,
            fits=_is_dead_in_group,
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
            done="discarded",
            permission="resilience.discard_task",
            consequence="Every dead letter that failed in the same way as a chosen one is given up, chosen or not. Their history is kept.",
            apply=_discard_group,
            fits=_is_dead_in_group,
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
        return as_json(task.payload)

    @admin.display(description="error")
    def error(self, task: Task) -> str:
        return error_label(task.error_code)

    @admin.display(description="last error")
    def last_words(self, task: Task) -> str:
        return as_text(task.last_error)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == "error_fingerprint" or super().lookup_allowed(lookup, value, request)


class ForceForm(ReasonForm):
    """For how long, as people think of it; the end is reckoned when it is confirmed."""

    lasts = forms.TypedChoiceField(
        label="For how long",
        choices=[(15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (1440, "24 hours"), (0, "Until somebody resets it")],
        coerce=int,
        initial=60,
    )


def _force(function: Callable[..., None]) -> Callable[[Circuit, Given], None]:
    def apply(circuit: Circuit, given: Given) -> None:
        minutes = given.values["lasts"]
        until = timezone.now() + timedelta(minutes=minutes) if minutes else None
        function(circuit.name, by=given.actor, reason=given.reason, until=until)

    return apply


def _force_closed(circuit: Circuit, given: Given) -> None:
    control.force_closed(circuit.name, by=given.actor, reason=given.reason)


def _reset(circuit: Circuit, given: Given) -> None:
    control.reset(circuit.name, by=given.actor, reason=given.reason)


class CircuitEventInline(RowsInside):
    model = CircuitEvent
    fields = ["at", "change", "reason", "owner"]
    verbose_name_plural = "last 50 transitions"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CircuitEvent]:
        events = super().get_queryset(request)
        circuit = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        newest = events.filter(circuit_id=circuit).order_by("-version").values("pk")[:50]
        return events.filter(pk__in=newest).order_by("-version")

    @admin.display(description="change")
    def change(self, event: CircuitEvent) -> str:
        return format_html("{} → {}", badge(event.from_state), badge(event.to_state))


@admin.register(Circuit)
class CircuitAdmin(ConsoleAdmin):
    list_display = ["name", "shown_state", "window", "opened_at", "open_until", "forced_until", "last_error", "updated_at"]
    list_filter = ["state"]
    ordering = ["name"]
    inlines = [CircuitEventInline]
    fieldsets = [
        (None, {"fields": ["name", "shown_state", "version", "updated_at"]}),
        ("Window", {"fields": ["window", "window_started_at", "window_slow"]}),
        ("Open", {"fields": ["opened_at", "open_until", "open_streak", "last_error", "last_error_at"]}),
        ("Trial call", {"fields": ["trial_owner", "trial_expires_at", "trial_successes"]}),
        ("Forced by hand", {"fields": ["forced_by", "forced_reason", "forced_until"]}),
    ]
    changes = [
        Change(
            name="force_open",
            label="Force open",
            done="forced open",
            permission="resilience.force_circuit",
            consequence="No call goes to this dependency until the end of the time, whatever its health. Work that needs it waits.",
            apply=_force(control.force_open),
            form=ForceForm,
            service_records=True,
        ),
        Change(
            name="force_closed",
            label="Force closed",
            done="forced closed",
            permission="resilience.force_circuit",
            consequence="The circuit is closed at once and starts counting afresh, although the dependency may still be failing.",
            apply=_force_closed,
            service_records=True,
        ),
        Change(
            name="disable",
            label="Disable",
            done="disabled",
            permission="resilience.force_circuit",
            consequence="Every call goes through and nothing is counted: the circuit protects nobody until the end of the time.",
            apply=_force(control.disable),
            form=ForceForm,
            service_records=True,
        ),
        Change(
            name="reset",
            label="Reset",
            done="reset",
            permission="resilience.force_circuit",
            consequence="The circuit is closed with empty counts, and whatever was forced by hand ends.",
            apply=_reset,
            service_records=True,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, circuit: Circuit) -> str:
        return badge(circuit.state, CircuitState(circuit.state).label, model=Circuit)

    @admin.display(description="calls in the window")
    def window(self, circuit: Circuit) -> str:
        return f"{circuit.window_calls} calls, {circuit.window_failures} failed"


@admin.register(CircuitEvent)
class CircuitEventAdmin(ConsoleAdmin):
    list_display = ["at", "of", "from_state", "to_state", "reason", "owner"]
    list_filter = ["circuit", "to_state"]
    list_select_related = ["circuit"]
    ordering = ["-id"]
    fields = ["of", "version", "from_state", "to_state", "reason", "owner", "at"]

    @admin.display(description="circuit")
    def of(self, event: CircuitEvent) -> str:
        return link(event.circuit)


@admin.register(OperatorAction)
class OperatorActionAdmin(ConsoleAdmin):
    list_display = ["at", "actor", "action", "target", "count", "reason"]
    list_filter = [recent("action")]
    list_select_related = ["actor"]
    search_fields = ["target__startswith", "request_id__exact"]
    search_help_text = "Start of what it was done to, or a whole request id."
    ordering = ["-id"]
