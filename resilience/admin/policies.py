"""Task policies and pauses in the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from resilience.admin_actions import Change, ConsoleAdmin, Given, ReasonForm
from resilience.admin_display import NOTHING, age, badge, seconds_in_words
from resilience.admin_policies import Plan, PolicyAdmin, PolicyForm
from resilience.circuits import rests
from resilience.models import Pause, TaskPolicy
from resilience.models.policies import PauseScope
from resilience.tasks import pausing, policies
from resilience.tasks.registry import Kind, all_kinds, find_kind

LASTS = [(15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (1440, "24 hours"), (0, "Until somebody resumes it")]


class PauseForm(ReasonForm):
    """For how long, as people think of it; the end is reckoned when it is confirmed."""

    lasts = forms.TypedChoiceField(label="For how long", choices=LASTS, coerce=int, initial=60)


def _until(minutes: int) -> Any:
    return timezone.now() + timedelta(minutes=minutes) if minutes else None


def _pause(policy: TaskPolicy, given: Given) -> None:
    pausing.pause(PauseScope.KIND, policy.kind, by=given.actor, reason=given.reason, until=_until(given.values["lasts"]))


def _resume_kind(policy: TaskPolicy, given: Given) -> None:
    pausing.resume(PauseScope.KIND, policy.kind, by=given.actor, reason=given.reason)


def _resume(pause: Pause, given: Given) -> None:
    pausing.resume(pause.scope, pause.name, by=given.actor, reason=given.reason)


def _is_paused(policy: TaskPolicy) -> bool:
    return any(pause.scope == PauseScope.KIND and pause.name == policy.kind for pause in pausing.live_pauses())


class TaskPolicyForm(PolicyForm):
    kind = forms.ChoiceField(help_text="Kinds that have no policy yet.")

    class Meta:
        model = TaskPolicy
        fields = ["kind", "tries", "base_s", "cap_s", "jitter", "timeout_s"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            taken = set(TaskPolicy.objects.values_list("kind", flat=True))
            self.fields["kind"].choices = [(kind.name, kind.name) for kind in all_kinds() if kind.name not in taken]  # type: ignore[attr-defined]
        declared = find_kind(self.instance.kind)
        for name, value in _declared(declared).items() if declared is not None else ():
            if name in self.fields:  # those who may only look have none
                self.fields[name].widget.attrs["placeholder"] = f"{value:g}, as declared"


def _declared(kind: Kind) -> dict[str, float]:
    return {"tries": kind.tries, "base_s": kind.base, "cap_s": kind.cap, "jitter": kind.jitter, "timeout_s": kind.timeout}


@admin.register(TaskPolicy)
class TaskPolicyAdmin(PolicyAdmin):
    form = TaskPolicyForm
    changing = "resilience.change_taskpolicy"
    chosen_by = ("kind",)
    edited = ("tries", "base_s", "cap_s", "jitter", "timeout_s")
    list_display = ["kind", "queue", "paused", "shown_tries", "shown_base", "shown_cap", "shown_jitter", "shown_timeout", "updated_at"]
    ordering = ["kind"]
    changes = [
        Change(
            name="pause",
            label="Pause",
            done="paused",
            permission="resilience.pause_tasks",
            consequence="No task of this kind is begun until the end of the time. What runs ends by itself; what waits keeps its place.",
            apply=_pause,
            form=PauseForm,
            service_records=True,
            fits=lambda policy: not _is_paused(policy),
        ),
        Change(
            name="resume",
            label="Resume",
            done="resumed",
            permission="resilience.pause_tasks",
            consequence="Tasks of this kind begin again within seconds.",
            apply=_resume_kind,
            service_records=True,
            fits=_is_paused,
        ),
    ]

    def plan_of(self, row: TaskPolicy) -> Plan:
        declared = find_kind(row.kind) or Kind(row.kind, lambda context: None)
        values = {"tries": declared.tries, "base": declared.base, "cap": declared.cap, "jitter": declared.jitter, **row.overrides}
        return Plan(waits=values["tries"] - 1, base=values["base"], cap=values["cap"], jitter=values["jitter"])

    def stored(self) -> None:
        transaction.on_commit(policies.forget)

    @admin.display(description="queue")
    def queue(self, row: TaskPolicy) -> str:
        declared = find_kind(row.kind)
        return declared.queue if declared else "of another release"

    @admin.display(description="now")
    def paused(self, row: TaskPolicy) -> str:
        declared = find_kind(row.kind)
        if policies.paused(row.kind, declared.queue if declared else ""):
            return badge("snoozed", "paused")
        resting = max((rests(circuit) for circuit in declared.needs), default=0.0) if declared else 0.0
        return badge("snoozed", f"rests {seconds_in_words(resting)}: {', '.join(declared.needs)}") if declared and resting else badge("ok", "runs")

    @admin.display(description="tries", ordering="tries")
    def shown_tries(self, row: TaskPolicy) -> str:
        return _shown(row, "tries", row.tries)

    @admin.display(description="base, s", ordering="base_s")
    def shown_base(self, row: TaskPolicy) -> str:
        return _shown(row, "base_s", row.base_s)

    @admin.display(description="cap, s", ordering="cap_s")
    def shown_cap(self, row: TaskPolicy) -> str:
        return _shown(row, "cap_s", row.cap_s)

    @admin.display(description="jitter", ordering="jitter")
    def shown_jitter(self, row: TaskPolicy) -> str:
        return _shown(row, "jitter", row.jitter)

    @admin.display(description="timeout, s", ordering="timeout_s")
    def shown_timeout(self, row: TaskPolicy) -> str:
        return _shown(row, "timeout_s", row.timeout_s)


def _shown(row: TaskPolicy, name: str, value: float | None) -> str:
    """What counts; what an operator set is told apart from what the code declares."""
    declared = find_kind(row.kind)
    before = f"{_declared(declared)[name]:g}" if declared else NOTHING
    return before if value is None else f"{value:g} (declared {before})"


class NewPauseForm(forms.ModelForm):  # type: ignore[type-arg]
    what = forms.ChoiceField(label="What")
    reason = ReasonForm.base_fields["reason"]
    lasts = PauseForm.base_fields["lasts"]

    class Meta:
        model = Pause
        fields = ["reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(scope, name) for scope in (PauseScope.QUEUE, PauseScope.KIND) for name in pausing.names_of(scope)]
        self.fields["what"].choices = [(f"{scope}:{name}", f"{scope} {name}") for scope, name in named]  # type: ignore[attr-defined]


@admin.register(Pause)
class PauseAdmin(ConsoleAdmin):
    list_display = ["__str__", "now", "waiting", "reason", "by", "paused_for", "until"]
    list_select_related = ["by"]
    ordering = ["scope", "name"]
    fields = ["scope", "name", "now", "waiting", "reason", "by", "since", "until"]
    changes = [
        Change(
            name="resume",
            label="Resume",
            done="resumed",
            permission="resilience.pause_tasks",
            consequence="Tasks of this kind or queue begin again within seconds.",
            apply=_resume,
            service_records=True,
        )
    ]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("resilience.pause_tasks")  # type: ignore[union-attr]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj is not None else NewPauseForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is not None else ["what", "lasts", "reason"]

    def save_model(self, request: HttpRequest, obj: Pause, form: Any, change: bool) -> None:
        """Pause by the service, which also writes it down."""
        given = form.cleaned_data
        scope, _colon, name = given["what"].partition(":")
        actor = request.user if request.user.is_authenticated else None
        held = pausing.pause(scope, name, by=actor, reason=given["reason"], until=_until(given["lasts"]))
        obj.pk, obj.scope, obj.name = held.pk, held.scope, held.name

    @admin.display(description="now")
    def now(self, row: Pause) -> str:
        over = row.until is not None and row.until <= timezone.now()
        return badge("ok", "over") if over else badge("snoozed", "paused")

    @admin.display(description="tasks that wait")
    def waiting(self, row: Pause) -> int:
        return pausing.waiting(row.scope, row.name)

    @admin.display(description="since", ordering="since")
    def paused_for(self, row: Pause) -> str:
        return f"{age(row.since)} ago"
