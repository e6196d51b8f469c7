"""Files whose parts go straight to S3: what a client can get wrong there."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button

_GO_ON = button("Go on where it stopped", "resume")
_AGAIN = button("Choose the file again", "choose_file")


class DirectUnavailable(AppError):
    """`transport: s3` where uploads are kept on disk."""

    entry = Entry(
        code="UPLOAD_DIRECT_UNAVAILABLE",
        title="Files are sent through this server",
        what_happened="The program wants to send the file straight to the storage, which is not set up here. Nothing was started.",
        actions=(button("Upload from our own page", "home"), ASK_FOR_HELP),
        status=409, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class DirectClosed(AppError):
    """The upload was begun straight to S3 and goes on through the server: addresses for parts are given out no more."""

    entry = Entry(
        code="UPLOAD_DIRECT_CLOSED",
        title="This upload goes on through our server",
        what_happened="The rest of this file is sent through our server, so no more parts can be sent straight to the storage. What arrived is kept.",
        actions=(_GO_ON,),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class PartImpossible(AppError):
    entry = Entry(
        code="UPLOAD_PART_IMPOSSIBLE",
        title="This file has no such part",
        what_happened="The program asked to send part {number}, and this file has parts 1 to {parts}. Nothing was changed.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("number", "parts"),
    )  # fmt: skip


class PartsUnequal(AppError):
    """Every part but the last has the same size, and the last is what remains: else no offset can be told from them."""

    entry = Entry(
        code="UPLOAD_PARTS_UNEQUAL",
        title="The parts of this file do not fit together",
        what_happened="Part {number} has {size} bytes, where {expected} are expected. Send that part again with the right size.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=409, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("number", "size", "expected"),
    )  # fmt: skip


class PartsMissing(AppError):
    """The client says it is done; the storage does not."""

    entry = Entry(
        code="UPLOAD_PARTS_MISSING",
        title="Parts of this file are still missing",
        what_happened="The storage has {offset} bytes of this file without a gap, from its start; part {number} has not arrived. Nothing is lost.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("offset", "number"),
    )  # fmt: skip
