"""What is made besides qualities, in the console."""

from __future__ import annotations

from django.contrib import admin

from processing.extras.models import Extra
from resilience.admin_actions import ConsoleAdmin
from resilience.admin_display import as_text, badge, link, size_in_words


@admin.register(Extra)
class ExtraAdmin(ConsoleAdmin):
    list_display = ["__str__", "of_video", "shown_state", "bytes", "updated_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["video"]
    search_fields = ["video__public_id__exact"]
    search_help_text = "A whole video id."
    ordering = ["-id"]
    fields = ["of_video", "kind", "shown_state", "path", "bytes", "words", "created_at", "updated_at"]

    @admin.display(description="video")
    def of_video(self, extra: Extra) -> str:
        return link(extra.video)

    @admin.display(description="state", ordering="state")
    def shown_state(self, extra: Extra) -> str:
        return badge(extra.state)

    @admin.display(description="size")
    def bytes(self, extra: Extra) -> str:
        return size_in_words(extra.size)

    @admin.display(description="why not")
    def words(self, extra: Extra) -> str:
        return as_text(extra.error)
