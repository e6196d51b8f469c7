"""Mail in the console: who was written to, when, and what the server said. Never what was written: it may sign somebody in."""

from __future__ import annotations

from django.contrib import admin

from resilience.admin_actions import ConsoleAdmin
from resilience.admin_display import badge
from resilience.admin_filters import recent
from resilience.models import Mail


@admin.register(Mail)
class MailAdmin(ConsoleAdmin):
    list_display = ["created_at", "subject", "to", "how", "sent_at", "error_code"]
    list_filter = ["state", recent("error_code")]
    search_fields = ["message_id__exact", "request_id__exact", "recipients__icontains"]
    search_help_text = "Part of an address, or a whole message id or request id."
    ordering = ["-created_at"]
    fieldsets = [
        (None, {"fields": ["subject", "sender", "to", "how", "created_at", "sent_at"]}),
        ("Delivery", {"fields": ["message_id", "left", "refused", "error_code", "last_error", "request_id"]}),
    ]

    def get_queryset(self, request):  # type: ignore[no-untyped-def] # the stubs' own signature is generic
        return super().get_queryset(request).defer("body")

    @admin.display(description="to")
    def to(self, row: Mail) -> str:
        return ", ".join(row.recipients)

    @admin.display(description="state", ordering="state")
    def how(self, row: Mail) -> str:
        return badge(row.state, row.get_state_display())
