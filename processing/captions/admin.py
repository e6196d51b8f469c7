"""Captions in the console: which are there, which failed and why, and another try."""

from __future__ import annotations

from django.contrib import admin

from processing.captions.models import Caption, CaptionState
from processing.captions.services import retry_caption
from resilience.admin_actions import Change, ConsoleAdmin, Given
from resilience.admin_display import as_text, error_label, link, state_of
from resilience.admin_filters import recent


def _retry(caption: Caption, given: Given) -> None:
    retry_caption(caption, by=given.actor, reason=given.reason)


@admin.register(Caption)
class CaptionAdmin(ConsoleAdmin):
    list_display = ["public_id", "of_video", "engine", "language", "shown_state", "error_code", "tries", "updated_at"]
    list_filter = ["state", "engine", recent("error_code")]
    list_select_related = ["video"]
    search_fields = ["public_id__startswith", "video__public_id__exact", "external_id__exact"]
    search_help_text = "Start of an id, a whole video id, or the service's own name for the work."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["public_id", "of_video", "of_source", "shown_state", "engine", "language", "path"]}),
        ("How it went", {"fields": ["tries", "error", "raw", "external_id"]}),
        ("Time", {"fields": ["created_at", "updated_at", "ready_at"]}),
    ]
    changes = [
        Change(
            name="retry",
            label="Write again",
            done="written again",
            permission="processing.retry_caption",
            consequence="The sound of the video is sent to the service once more; what was written before goes on being shown until that is done.",
            apply=_retry,
            service_records=True,
            fits=lambda caption: caption.state in (CaptionState.FAILED, CaptionState.READY),
        )
    ]

    @admin.display(description="video")
    def of_video(self, caption: Caption) -> str:
        return link(caption.video)

    @admin.display(description="file")
    def of_source(self, caption: Caption) -> str:
        return link(caption.source)

    @admin.display(description="state", ordering="state")
    def shown_state(self, caption: Caption) -> str:
        return state_of(caption)

    @admin.display(description="error")
    def error(self, caption: Caption) -> str:
        return error_label(caption.error_code)

    @admin.display(description="the service's own words")
    def raw(self, caption: Caption) -> str:
        return as_text(caption.error_raw)
