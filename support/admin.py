"""Tickets in the console: the frozen snapshot beside what is true now, the answer, the state."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from resilience.admin_actions import Change, ConsoleAdmin, Given
from resilience.admin_display import age, as_json, error_label, link, list_of, state_of
from resilience.admin_filters import recent
from support.models import LIVE_TICKET_STATES, Snapshot, Ticket, TicketState
from support.selectors import files_of
from support.services import tickets


class ReplyForm(forms.Form):
    body = forms.CharField(
        label="Your answer", min_length=2, max_length=10_000, widget=forms.Textarea(attrs={"rows": 8, "cols": 80}), help_text="Its owner reads this as it is."
    )


def _reply(ticket: Ticket, given: Given) -> None:
    tickets.reply(ticket, author=given.actor, body=given.values["body"])


def _solve(ticket: Ticket, given: Given) -> None:
    tickets.solve_ticket(ticket)


def _close(ticket: Ticket, given: Given) -> None:
    tickets.close_ticket(ticket)


def _reopen(ticket: Ticket, given: Given) -> None:
    tickets.reopen_ticket(ticket)


@admin.register(Ticket)
class TicketAdmin(ConsoleAdmin):
    change_form_template = "admin/support/ticket/change_form.html"
    list_display = ["public_id", "subject", "owner", "shown_state", "error_code", "waits", "updated_at"]
    list_filter = ["state", recent("error_code")]
    list_select_related = ["owner"]
    search_fields = ["public_id__startswith", "subject__icontains", "owner__email__iexact", "video__public_id__exact"]
    search_help_text = "Start of an id, part of a subject, a whole e-mail address or video id."
    ordering = ["-id"]
    fieldsets = [(None, {"fields": ["public_id", "subject", "owner", "shown_state", "about", "error", "created_at", "updated_at"]})]
    changes = [
        Change(
            name="reply",
            label="Answer",
            done="answered",
            permission="support.answer_ticket",
            consequence="The answer appears on the ticket at once, and the person who asked is told.",
            apply=_reply,
            fits=lambda ticket: ticket.state != TicketState.CLOSED,
            form=ReplyForm,
        ),
        Change(
            name="solve",
            label="Mark as solved",
            done="marked as solved",
            permission="support.answer_ticket",
            consequence="The person who asked sees that we hold it for solved; their next message opens it again.",
            apply=_solve,
            fits=lambda ticket: ticket.state in LIVE_TICKET_STATES,
        ),
        Change(
            name="close",
            label="Close",
            done="closed",
            permission="support.answer_ticket",
            consequence="The ticket takes no more messages; asking again opens a new one.",
            apply=_close,
            fits=lambda ticket: ticket.state != TicketState.CLOSED,
        ),
        Change(
            name="reopen",
            label="Open again",
            done="opened again",
            permission="support.answer_ticket",
            consequence="The ticket waits for us again.",
            apply=_reopen,
            fits=lambda ticket: ticket.state not in LIVE_TICKET_STATES,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, ticket: Ticket) -> str:
        return state_of(ticket)

    @admin.display(description="video")
    def about(self, ticket: Ticket) -> str:
        return link(ticket.video)

    @admin.display(description="what they were told")
    def error(self, ticket: Ticket) -> str:
        return error_label(ticket.error_code, ticket.video.error_fields if ticket.video and ticket.video.error_code == ticket.error_code else None)

    @admin.display(description="waits for")
    def waits(self, ticket: Ticket) -> str:
        return age(ticket.updated_at) if ticket.state in (TicketState.OPEN, TicketState.WAITING_ON_US) else "–"

    def more(self, row: Any) -> dict[str, Any]:
        return {
            "files": files_of(row),
            "conversation": row.messages.select_related("author"),
            "snapshots": [(snapshot, as_json(snapshot.data)) for snapshot in row.snapshots.all()[:5]],
            "jobs": list_of("processing", "job", video__id__exact=row.video_id) if row.video_id else "",
            "reply_form": ReplyForm() if row.state != TicketState.CLOSED else None,
        }


@admin.register(Snapshot)
class SnapshotAdmin(ConsoleAdmin):
    list_display = ["id", "of_ticket", "schema", "taken_at"]
    list_select_related = ["ticket"]
    search_fields = ["ticket__public_id__exact"]
    search_help_text = "A whole ticket id."
    ordering = ["-id"]
    fields = ["of_ticket", "schema", "taken_at", "json"]

    @admin.display(description="ticket")
    def of_ticket(self, snapshot: Snapshot) -> str:
        return link(snapshot.ticket)

    @admin.display(description="data")
    def json(self, snapshot: Snapshot) -> str:
        return as_json(snapshot.data)
