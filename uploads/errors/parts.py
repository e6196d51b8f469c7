"""Lengths that do not agree, and files put together from parts."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

_AGAIN = button("Choose the file again", "choose_file")
_GO_ON = button("Go on where it stopped", "resume")


class LengthInconsistent(AppError):
    entry = Entry(
        code="UPLOAD_LENGTH_INCONSISTENT",
        title="The size of the file changed while it was sent",
        what_happened="This request gives the file another size than the requests before it, or than itself. Nothing was changed.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
        problem_type="https://iana.org/assignments/http-problem-types#inconsistent-upload-length",
    )  # fmt: skip


class PartsUnusable(AppError):
    entry = Entry(
        code="UPLOAD_PARTS_UNUSABLE",
        title="The parts of this file cannot be put together",
        what_happened="At least one of the named parts does not exist any more, is not a part, or is not yours. Nothing was changed.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class PartsUnfinished(AppError):
    entry = Entry(
        code="UPLOAD_PARTS_UNFINISHED",
        title="Not all parts of this file have arrived",
        what_happened="The parts can be put together once each of them is complete. Nothing was changed.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class JoinedReadOnly(AppError):
    entry = Entry(
        code="UPLOAD_JOINED_READ_ONLY",
        title="Nothing can be added to this file",
        what_happened="This file was put together from parts that arrived before, so it takes no further bytes.",
        actions=(link("Go to your videos", "home"),),
        status=403, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class PartInUse(AppError):
    entry = Entry(
        code="UPLOAD_PART_IN_USE",
        title="This part is just being put into its file",
        what_happened="A file is being put together from this part at the moment, so it cannot be canceled just now.",
        actions=(wait("Wait a few seconds, then cancel the whole file"),),
        status=423, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip
