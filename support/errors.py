"""What can go wrong while somebody asks for help."""

from __future__ import annotations

from resilience.errors import AppError, Category, Entry, Fault, Retry, button, link


class TicketClosed(AppError):
    entry = Entry(
        code="TICKET_CLOSED",
        title="This conversation is closed",
        what_happened="The conversation was closed, so your message was not added. A new request reaches us at once.",
        actions=(button("Ask for help again", "ask_for_help"), link("Read the guides", "guide:")),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class TicketChanged(AppError):
    entry = Entry(
        code="TICKET_CHANGED",
        title="This conversation has moved on",
        what_happened="Somebody wrote or changed its state while you were looking at it, so your change was not made.",
        actions=(button("Reload and look again", "reload"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip
