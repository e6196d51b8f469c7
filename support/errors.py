"""What can go wrong while somebody asks for help."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link


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


_GUIDE = "attach-a-file"


class AttachmentTicketUnknown(AppError):
    entry = Entry(
        code="TICKET_FILE_TICKET_UNKNOWN",
        title="There is no such ticket of yours",
        what_happened="The file was to be attached to a ticket that does not exist, or is not yours. Nothing was sent.",
        actions=(link("Look at your tickets", "tickets"), ASK_FOR_HELP),
        status=404, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class AttachmentTicketClosed(AppError):
    entry = Entry(
        code="TICKET_FILE_TICKET_CLOSED",
        title="This ticket takes no more files",
        what_happened="The ticket was closed, so the file was not taken. Ask for help again and attach it there.",
        actions=(button("Ask for help again", "ask_for_help"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class AttachmentTicketFull(AppError):
    entry = Entry(
        code="TICKET_FILE_TICKET_FULL",
        title="This ticket has all the files it may have",
        what_happened="The ticket holds {used} files, and {limit} is the most. Remove one you no longer need there, then attach this one.",
        actions=(link("Look at the files in your tickets", "tickets"),),
        status=409, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("used", "limit"),
        runbook="Raise UPLOAD_ATTACHMENTS_PER_TICKET if a ticket should hold more.",
    )  # fmt: skip
