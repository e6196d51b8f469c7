"""Dead letters by how they failed, and what operators had done to many of them at once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from resilience import selectors
from resilience.admin_actions import Change, ConsoleAdmin, Given
from resilience.admin_display import badge, list_of
from resilience.models import GroupChange
from resilience.models.tasks import TaskState
from resilience.tasks import groups

GROUPS_SHOWN = 100


def page(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the groups, the largest first; their buttons post to the list of tasks, with a sample of the group chosen."""
    found = selectors.dead_letter_groups(limit=GROUPS_SHOWN)
    rows = [(group, list_of("resilience", "task", state__exact=TaskState.DEAD, error_fingerprint=group.fingerprint)) for group in found]
    running = GroupChange.objects.filter(ended_at=None).select_related("by")
    context = {**site.each_context(request), "title": "Dead letters", "groups": rows, "most": GROUPS_SHOWN, "running": running, "here": request.path}
    return TemplateResponse(request, "admin/dead_letters.html", context)


def _stop(change: GroupChange, given: Given) -> None:
    groups.stop(change, by=given.actor, reason=given.reason)


@admin.register(GroupChange)
class GroupChangeAdmin(ConsoleAdmin):
    list_display = ["__str__", "how", "done", "skipped", "matched", "by", "reason", "asked_at", "ended_at"]
    list_filter = ["action"]
    list_select_related = ["by"]
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["action", "kind", "fingerprint", "at_most", "by", "reason"]}),
        ("How it goes", {"fields": ["how", "matched", "done", "skipped", "batches", "asked_at", "ended_at"]}),
    ]
    changes = [
        Change(
            name="stop",
            label="Stop",
            done="stopped",
            permission="resilience.replay_task",
            consequence="No further batch begins. What was changed already stays as it is.",
            apply=_stop,
            service_records=True,
            fits=lambda change: change.ended_at is None,
        )
    ]

    @admin.display(description="now", ordering="ended_at")
    def how(self, change: GroupChange) -> str:
        if change.ended_at is None:
            return badge("running")
        return badge("interrupted", "stopped") if change.stopped else badge("ok", "done")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["how"]
