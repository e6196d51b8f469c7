"""News of jobs elsewhere in the console: what came, what nobody knows, the queues, and what was given up in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from processing.events import dead_page
from processing.events.envelope import ENDS
from processing.events.models import EngineEvent, EventQueue, OrphanState, Outcome, RemoteOrphan
from processing.events.watching import UNREAD
from processing.services import remote
from resilience.admin_actions import Change, ConsoleAdmin, Given
from resilience.admin_display import NOTHING, age, as_json, badge, by_public_id
from resilience.admin_filters import recent

_BADGES = {Outcome.APPLIED: "ok", Outcome.ADOPTED: "ok", Outcome.MALFORMED: "failed", Outcome.CONTRADICTS: "lost", Outcome.UNKNOWN: "blocked"}


@admin.register(EngineEvent)
class EngineEventAdmin(ConsoleAdmin):
    list_display = ["__str__", "how", "source", "engine", "attempt", "done", "phase", "said", "received_at"]
    list_filter = ["outcome", "source", recent("news"), recent("engine")]
    search_fields = ["attempt_id__exact", "external_id__exact", "event_id__exact"]
    search_help_text = "A whole attempt id, the engine's own id of a job, or the sender's id of an event."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["news", "how", "said", "attempt", "engine", "external_id", "percent", "phase", "ended"]}),
        ("As it came", {"fields": ["source", "event_id", "sent_at", "received_at", "as_sent"]}),
    ]

    @admin.display(description="outcome", ordering="outcome")
    def how(self, event: EngineEvent) -> str:
        return badge(_BADGES.get(Outcome(event.outcome), "calm"), event.get_outcome_display())

    @admin.display(description="attempt")
    def attempt(self, event: EngineEvent) -> str:
        return by_public_id(event.attempt_id)

    @admin.display(description="done")
    def done(self, event: EngineEvent) -> str:
        return NOTHING if event.percent is None else f"{event.percent:.0f} %"

    @admin.display(description="body")
    def as_sent(self, event: EngineEvent) -> str:
        return as_json(event.body)


def _is_live(orphan: RemoteOrphan) -> bool:
    return orphan.state == OrphanState.OPEN and orphan.status not in ENDS


def _cancel(orphan: RemoteOrphan, given: Given) -> int:
    moved = _move(orphan, OrphanState.CANCELED, f"Canceled: {given.reason}")
    if moved:
        remote.stop_later(orphan.attempt_id, orphan.external_id, engine=orphan.engine)
    return moved


def _dismiss(orphan: RemoteOrphan, given: Given) -> int:
    return _move(orphan, OrphanState.DISMISSED, f"Dismissed: {given.reason}")


def _move(orphan: RemoteOrphan, state: OrphanState, note: str) -> int:
    return RemoteOrphan.objects.filter(pk=orphan.pk, state=OrphanState.OPEN).update(state=state, note=note[:300])


@admin.register(RemoteOrphan)
class RemoteOrphanAdmin(ConsoleAdmin):
    list_display = ["external_id", "engine", "shown_state", "status", "env", "attempt", "source", "first_seen_at", "last_seen_at"]
    list_filter = ["state", "source", recent("engine")]
    search_fields = ["external_id__exact", "attempt_id__exact"]
    search_help_text = "The engine's own id of a job, or a whole attempt id."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["external_id", "engine", "shown_state", "status", "note"]}),
        ("What it says of itself", {"fields": ["env", "attempt_id", "source", "first_seen_at", "last_seen_at"]}),
    ]
    changes = [
        Change(
            name="cancel",
            label="Cancel at the engine",
            done="being canceled",
            permission="processing.cancel_orphan",
            consequence="The job is canceled at its engine, whoever made it. That cannot be undone. Make sure that no other installation waits for it.",
            apply=_cancel,
            fits=_is_live,
        ),
        Change(
            name="dismiss",
            label="Dismiss",
            done="dismissed",
            permission="processing.cancel_orphan",
            consequence="The job is left alone, and no longer counted.",
            apply=_dismiss,
            fits=lambda orphan: orphan.state == OrphanState.OPEN,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, orphan: RemoteOrphan) -> str:
        return badge("blocked" if orphan.state == OrphanState.OPEN else "calm", orphan.get_state_display())

    @admin.display(description="attempt")
    def attempt(self, orphan: RemoteOrphan) -> str:
        return by_public_id(orphan.attempt_id)


@admin.register(EventQueue)
class EventQueueAdmin(ConsoleAdmin):
    list_display = ["__str__", "how", "last_event", "given_up", "error"]
    ordering = ["address"]
    fields = ["address", "how", "read_at", "read_by", "event_at", "given_up", "error"]

    @admin.display(description="read")
    def how(self, queue: EventQueue) -> str:
        if queue.read_at is None or timezone.now() - queue.read_at > UNREAD:
            return badge("lost", "nobody reads it" if queue.read_at is None else f"unread for {age(queue.read_at)}")
        return badge("ok", "read")

    @admin.display(description="last event", ordering="event_at")
    def last_event(self, queue: EventQueue) -> str:
        return f"{age(queue.event_at)} ago" if queue.event_at else NOTHING

    @admin.display(description="given up", ordering="dead")
    def given_up(self, queue: EventQueue) -> str:
        return format_html('<a href="{}">{}</a>', reverse("admin:processing_eventqueue_dead_letters"), f"{queue.dead}: look")

    def get_urls(self) -> list[Any]:
        own = path("dead-letters/", self.admin_site.admin_view(self.dead_letters), name="processing_eventqueue_dead_letters")
        return [own, *super().get_urls()]

    def dead_letters(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return dead_page.page(self.admin_site, request)
