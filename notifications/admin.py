"""What people were told, in the console: to look at."""

from __future__ import annotations

from django.contrib import admin

from notifications.models import Event, Notification
from resilience.admin_actions import ConsoleAdmin
from resilience.admin_display import as_json, link
from resilience.admin_filters import recent


@admin.register(Notification)
class NotificationAdmin(ConsoleAdmin):
    list_display = ["public_id", "user", "kind", "title", "read_at", "created_at"]
    list_filter = ["kind", ("read_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["public_id__startswith", "user__email__iexact"]
    search_help_text = "Start of an id, or a whole e-mail address."
    ordering = ["-id"]
    fields = ["public_id", "user", "kind", "key", "about", "title", "body", "link", "read_at", "created_at"]

    @admin.display(description="video")
    def about(self, notification: Notification) -> str:
        return link(notification.video)


@admin.register(Event)
class EventAdmin(ConsoleAdmin):
    list_display = ["id", "user", "kind", "about", "sentence", "at"]
    list_filter = [recent("kind")]
    list_select_related = ["user", "video"]
    search_fields = ["user__email__iexact", "video__public_id__exact", "request_id__exact"]
    search_help_text = "A whole e-mail address, video id or request id."
    ordering = ["-id"]
    fields = ["id", "user", "kind", "about", "sentence", "json", "request_id", "at"]

    @admin.display(description="video")
    def about(self, event: Event) -> str:
        return link(event.video)

    @admin.display(description="data")
    def json(self, event: Event) -> str:
        return as_json(event.data)
