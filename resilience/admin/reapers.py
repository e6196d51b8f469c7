"""Reapers in the console: how each went, when it runs next, which nobody runs."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone

from resilience import reapers, reaping
from resilience.admin_actions import Change, ConsoleAdmin, Given
from resilience.admin_display import NOTHING, age, as_text, badge, between, seconds_in_words
from resilience.models import Reaper


def _run(row: Reaper, given: Given) -> int:
    return reaping.ask_for([row.name])


@admin.register(Reaper)
class ReaperAdmin(ConsoleAdmin):
    list_display = ["name", "about", "interval", "how", "result", "last_run", "took", "next_run", "owner"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "about", "interval", "how"]}),
        ("Last run", {"fields": ["started_at", "ended_at", "took", "result", "why", "failures", "runs", "owner"]}),
        ("Next run", {"fields": ["due_at", "lease_until"]}),
    ]
    changes = [
        Change(
            name="run",
            label="Run now",
            done="will run within seconds",
            permission="resilience.run_reaper",
            consequence="The next worker that looks, within ten seconds, runs it, whatever its interval says. One that is running is left to end.",
            apply=_run,
        )
    ]

    @admin.display(description="what it does")
    def about(self, row: Reaper) -> str:
        kind = reapers.find(row.name)
        return kind.about if kind is not None else "Of another release."

    @admin.display(description="every", ordering="every")
    def interval(self, row: Reaper) -> str:
        return seconds_in_words(row.every.total_seconds())

    @admin.display(description="state")
    def how(self, row: Reaper) -> str:
        if reaping.is_overdue(row, now=timezone.now()):
            return badge("lost", "overdue: nobody runs it")
        if row.lease_until is not None:
            return badge("running")
        if row.error:
            return badge("failed", f"failed {row.failures} ×")
        return badge("ok") if row.ended_at is not None else badge("pending", "has not run yet")

    @admin.display(description="last run", ordering="ended_at")
    def last_run(self, row: Reaper) -> str:
        return f"{age(row.ended_at)} ago" if row.ended_at else NOTHING

    @admin.display(description="took")
    def took(self, row: Reaper) -> str:
        return NOTHING if row.lease_until is not None else between(row.started_at, row.ended_at)

    @admin.display(description="next run", ordering="due_at")
    def next_run(self, row: Reaper) -> str:
        wait = (row.due_at - timezone.now()).total_seconds()
        return f"in {seconds_in_words(wait)}" if wait > 0 else "now"

    @admin.display(description="error")
    def why(self, row: Reaper) -> str:
        return as_text(row.error)
