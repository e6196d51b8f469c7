"""Circuits and their transitions in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from resilience.admin import strips
from resilience.admin_actions import Change, ConsoleAdmin, Given, ReasonForm, RowsInside
from resilience.admin_display import badge, link
from resilience.circuits import control
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


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
    list_display = ["name", "shown_state", "last_hour", "window", "open_until", "forced_until", "last_error", "updated_at"]
    list_filter = ["state"]
    ordering = ["name"]
    inlines = [CircuitEventInline]
    change_form_template = "admin/resilience/circuit/change_form.html"
    fieldsets = [
        (None, {"fields": ["name", "shown_state", "version", "updated_at"]}),
        ("Window", {"fields": ["window", "opens_when"]}),
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
            consequence="Every call goes through until the end of the time, and is counted, but the circuit does not open, however many fail.",
            apply=_force(control.force_closed),
            form=ForceForm,
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

    @admin.display(description="calls counted")
    def window(self, circuit: Circuit) -> str:
        return f"{circuit.window_calls}, of them {circuit.window_failures} failed, {circuit.window_slow} slow"

    @admin.display(description="opens when")
    def opens_when(self, circuit: Circuit) -> str:
        return strips.rule(circuit.limits)

    @admin.display(description="last hour")
    def last_hour(self, circuit: Circuit) -> str:
        found = strips.spans(circuit, circuit.recent, now=timezone.now(), length=HOUR)  # type: ignore[attr-defined] # get_queryset's
        return strips.drawing(found, title="The last hour")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Circuit]:
        events = CircuitEvent.objects.filter(at__gte=timezone.now() - HOUR).order_by("version")[: strips.MOST_EVENTS]
        return super().get_queryset(request).prefetch_related(Prefetch("events", queryset=events, to_attr="recent"))

    def more(self, row: Circuit) -> dict[str, Any]:
        now = timezone.now()
        events = list(row.events.filter(at__gte=now - DAY).order_by("-version")[: strips.MOST_EVENTS])[::-1]
        found = [(title, strips.spans(row, events, now=now, length=length)) for title, length in (("The last hour", HOUR), ("The last 24 hours", DAY))]
        return {"strips": [(title, strips.drawing(shown, title=title), strips.in_words(shown)) for title, shown in found]}


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
