"""Videos and their upload sessions in the console: to look at. The rooms above change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join

from resilience.admin_actions import ConsoleAdmin
from resilience.admin_display import as_json, between, error_label, link, links, list_of, size_in_words, state_of
from resilience.admin_filters import recent
from uploads.models import UploadSession, Video


@admin.register(Video)
class VideoAdmin(ConsoleAdmin):
    list_display = ["public_id", "title", "owner", "shown_state", "media_kind", "error_code", "updated_at"]
    list_filter = ["state", "media_kind", recent("error_code")]
    list_select_related = ["owner"]
    search_fields = ["public_id__startswith", "title__icontains", "owner__email__iexact"]
    search_help_text = "Start of an id, part of a title, or a whole e-mail address."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["public_id", "title", "owner", "shown_state", "error", "version", "created_at", "updated_at"]}),
        ("What it is", {"fields": ["media_kind", "duration_s", "width", "height"]}),
        ("Where to look", {"fields": ["uploads", "conversions", "help"]}),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, video: Video) -> str:
        return state_of(video)

    @admin.display(description="what its owner is told")
    def error(self, video: Video) -> str:
        return error_label(video.error_code, video.error_fields)

    @admin.display(description="uploads")
    def uploads(self, video: Video) -> str:
        return links(video.sessions.order_by("-id")[:20])

    @admin.display(description="jobs")
    def conversions(self, video: Video) -> str:
        return format_html('<a href="{}">Jobs of this video</a>', list_of("processing", "job", video__id__exact=video.pk))

    @admin.display(description="tickets")
    def help(self, video: Video) -> str:
        return format_html('<a href="{}">Tickets about this video</a>', list_of("support", "ticket", video__id__exact=video.pk))


@admin.register(UploadSession)
class UploadSessionAdmin(ConsoleAdmin):
    list_display = ["public_id", "file_name", "owner", "shown_state", "progress", "resumes", "error_code", "updated_at"]
    list_filter = ["state", recent("error_code")]
    list_select_related = ["owner"]
    search_fields = ["public_id__startswith", "file_name__icontains", "owner__email__iexact"]
    search_help_text = "Start of an id, part of a file name, or a whole e-mail address."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["public_id", "of_video", "owner", "shown_state", "error", "file_name", "declared_type", "metadata"]}),
        ("Bytes", {"fields": ["progress", "length", "committed", "resumes", "took", "sha256", "storage_key", "fingerprint"]}),
        ("Lease", {"fields": ["epoch", "lease_owner", "lease_expires_at"]}),
        ("Authority", {"fields": ["authority", "idempotency_key", "request_id"]}),
        ("Time", {"fields": ["created_at", "updated_at", "expires_at", "warned_at", "received_at", "ended_at"]}),
        ("What inspection found", {"fields": ["found", "conversions"]}),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, session: UploadSession) -> str:
        return state_of(session)

    @admin.display(description="video")
    def of_video(self, session: UploadSession) -> str:
        return link(session.video)

    @admin.display(description="error")
    def error(self, session: UploadSession) -> str:
        return error_label(session.error_code, session.error_fields)

    @admin.display(description="received")
    def progress(self, session: UploadSession) -> str:
        if not session.length:
            return size_in_words(session.committed)
        return f"{size_in_words(session.committed)} of {size_in_words(session.length)} ({100 * session.committed / session.length:.0f} %)"

    @admin.display(description="took")
    def took(self, session: UploadSession) -> str:
        return between(session.created_at, session.received_at)

    @admin.display(description="resume tokens")
    def authority(self, session: UploadSession) -> str:
        # The hash stays out: whoever reads this page has no business with it.
        tokens: Any = session.tokens.order_by("-generation").values_list("generation", "expires_at", "revoked_at")[:10]
        rows = ((number, "revoked" if revoked else f"until {expires:%Y-%m-%d %H:%M} UTC") for number, expires, revoked in tokens)
        return format_html_join("", "<div>generation {}: {}</div>", rows) or "–"

    @admin.display(description="probe")
    def found(self, session: UploadSession) -> str:
        return as_json(session.probe) if session.probe else "–"

    @admin.display(description="jobs")
    def conversions(self, session: UploadSession) -> str:
        return format_html('<a href="{}">Jobs of this upload</a>', list_of("processing", "job", source__id__exact=session.pk))
