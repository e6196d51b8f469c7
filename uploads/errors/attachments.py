"""Files sent along with a request for help: what is not taken, and why."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

_GUIDE = "attach-a-file"
_OTHER = button("Choose another file", "choose_file")
_TICKETS = link("Look at your tickets", "tickets")
KINDS_WE_TAKE = "pictures (PNG, JPEG, GIF, WebP), PDF, text, logs, JSON, CSV, video and audio"


class AttachmentTooLarge(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_TOO_LARGE",
        title="This file is too large to attach",
        what_happened="The file has {size_text}, and a file in a ticket may have {limit_text}. Nothing was sent.",
        actions=(_OTHER,),
        status=413, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("size", "limit", "size_text", "limit_text"),
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"Upload-Limit": f"max-size={self.fields['limit']}"}


class AttachmentEmpty(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_EMPTY",
        title="There is nothing in this file",
        what_happened="The file you want to attach has no content at all (0 bytes). Often saving or copying it did not finish.",
        actions=(_OTHER,),
        status=422, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class AttachmentTypeRefused(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_TYPE_REFUSED",
        title="Files of this kind cannot be attached",
        what_happened=f"Files of the kind “{{kind}}” are not taken in tickets. We take {KINDS_WE_TAKE}.",
        actions=(_OTHER,),
        status=415, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("kind",),
    )  # fmt: skip


class AttachmentHarmful(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_HARMFUL",
        title="We do not open files like this one",
        what_happened=f"By its content, {{name}} is {{what}}, whatever it is called, so it was not kept. We take {KINDS_WE_TAKE}.",
        actions=(_OTHER,),
        status=415, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="warning",
        guide=_GUIDE, fields=("name", "what"),
    )  # fmt: skip


class AttachmentUnknown(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_UNKNOWN",
        title="We cannot tell what this file is",
        what_happened=f"The content of {{name}} is none of the kinds we take, so it was not kept. We take {KINDS_WE_TAKE}.",
        actions=(_OTHER,),
        status=415, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("name",),
    )  # fmt: skip


class AttachmentQuotaReached(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_QUOTA_REACHED",
        title="Your tickets hold all the files they may",
        what_happened="The files in your tickets take {used_text} of {limit_text}, and this one has {size_text}. Remove some you no longer need there.",
        actions=(_TICKETS,),
        status=413, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("size", "used", "limit", "size_text", "used_text", "limit_text"),
        runbook="Raise UPLOAD_ATTACHMENT_QUOTA if people should have more room in their tickets.",
    )  # fmt: skip


class AttachmentsDailyReached(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENTS_DAILY_LIMIT_REACHED",
        title="That is all the files for one day",
        what_happened="In the last 24 hours you attached {used} files, and {limit} is the most. What you write still reaches us at once.",
        actions=(wait("Wait until the earliest of them is a day old"),),
        status=429, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide=_GUIDE, fields=("used", "limit"),
        runbook="Raise UPLOAD_ATTACHMENTS_PER_DAY if people should be able to attach more.",
    )  # fmt: skip


class AttachmentWayRefused(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_WAY_REFUSED",
        title="A file for a ticket is sent in one piece, to us",
        what_happened="The program wants to send a file for a ticket {way}. Such files are small: they come through us, in order, and with their size.",
        actions=(button("Send it as one upload", "retry"), ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("way",),
    )  # fmt: skip


class AttachmentUnheld(AppError):
    entry = Entry(
        code="UPLOAD_ATTACHMENT_UNHELD",
        title="What this file was for is gone",
        what_happened="The ticket was deleted, or the file removed from it, while it was on its way. The file was not kept.",
        actions=(_TICKETS,),
        status=410, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
        guide=_GUIDE,
    )  # fmt: skip
