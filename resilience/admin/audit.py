"""The audit log in the console."""

from __future__ import annotations

from django.contrib import admin

from resilience.admin_actions import ConsoleAdmin
from resilience.admin_filters import recent
from resilience.models import OperatorAction


@admin.register(OperatorAction)
class OperatorActionAdmin(ConsoleAdmin):
    list_display = ["at", "actor", "action", "target", "count", "reason"]
    list_filter = [recent("action")]
    list_select_related = ["actor"]
    search_fields = ["target__startswith", "request_id__exact"]
    search_help_text = "Start of what it was done to, or a whole request id."
    ordering = ["-id"]
