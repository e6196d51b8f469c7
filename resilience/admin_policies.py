"""Policies in the console: rows people edit with a reason, beside them the schedule that comes of what is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from resilience import audit
from resilience.admin_display import seconds_in_words
from resilience.admin_versions import VersionedAdmin
from resilience.tasks.backoff import JITTER, schedule

SHOWN_WAITS = 12

if TYPE_CHECKING:  # generic for the type checker only
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm


class PolicyForm(_ModelForm):
    reason = forms.CharField(min_length=3, max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text="For whoever reads the audit log later.")


@dataclass(frozen=True, slots=True)
class Plan:
    """So many waits, by these numbers (seconds)."""

    waits: int
    base: float
    cap: float
    jitter: float = JITTER


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait in words: the shortest, the longest, and how long all up to it take at most."""

    number: int
    least: str
    most: str
    after: str


def in_words(plan: Plan) -> dict[str, Any]:
    """Return what the preview shows: the first waits one by one, what follows them, and all together."""
    bounds = schedule(plan.waits, base=plan.base, cap=plan.cap, jitter=plan.jitter)
    so_far = [sum(most for _least, most in bounds[: number + 1]) for number in range(len(bounds))]
    shown = [
        Wait(number, seconds_in_words(least), seconds_in_words(most), seconds_in_words(so_far[number - 1]))
        for number, (least, most) in enumerate(bounds[:SHOWN_WAITS], start=1)
    ]
    least, most = (sum(each[side] for each in bounds) for side in (0, 1))
    return {"waits": shown, "more": max(0, len(bounds) - SHOWN_WAITS), "least": seconds_in_words(least), "most": seconds_in_words(most)}


class PolicyAdmin(VersionedAdmin):
    """Rows that people with `changing` may edit; every edit has a reason and is written down. Subclasses say what schedule a row means.

    `chosen_by` names the fields that say what a policy is for: they are set when a row is made, and then no more.
    """

    change_form_template = "admin/policy_change_form.html"
    changing = ""
    chosen_by: tuple[str, ...] = ()

    def plan_of(self, row: Any) -> Plan:
        raise NotImplementedError

    def stored(self) -> None:
        """Called after a change was stored."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.changing)  # type: ignore[union-attr]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.chosen_by, *self.edited, *(["reason"] if self.has_change_permission(request, obj) else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.chosen_by if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the policy with the values it changed from, in the transaction Django's admin opens around this."""
        changed = {name: (form.initial.get(name), form.cleaned_data[name]) for name in form.changed_data if name != "reason"}
        super().save_model(request, obj, form, change)
        told = ", ".join(f"{name} {before} → {after}" for name, (before, after) in changed.items() if change or name in self.edited)
        actor = request.user if request.user.is_authenticated else None
        action = f"{obj._meta.app_label}.{obj._meta.model_name}.{'change' if change else 'add'}"
        audit.record(actor=actor, action=action, target=f"{obj}: {told}"[:200], reason=form.cleaned_data["reason"])
        self.stored()

    def get_urls(self) -> list[Any]:
        preview = path("schedule/", self.admin_site.admin_view(self.preview), name=self._preview_name())
        return [preview, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with the schedule of what is typed; nothing is stored. `row` is the policy that is being edited, if there is one."""
        row = self.get_object(request, request.GET.get("row", ""))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None)(request.GET, instance=row)
        errors = [error for name, texts in form.errors.items() if name != "reason" for error in texts]
        context = {"errors": errors} if errors else in_words(self.plan_of(form.instance))
        return render(request, "admin/schedule.html", {"schedule": context})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        row = context.get("original")
        context["preview_address"] = reverse(f"admin:{self._preview_name()}")
        context["schedule"] = in_words(self.plan_of(row)) if row is not None else None
        return super().render_change_form(request, context, *args, **kwargs)

    def _preview_name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}_schedule"
