"""Bytes that are not what their sender says they are."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button

_GO_ON = button("Go on where it stopped", "resume")


class ChecksumMismatch(AppError):
    entry = Entry(
        code="UPLOAD_CHECKSUM_MISMATCH",
        title="This part was damaged on its way",
        what_happened="The {algorithm} checksum of this part is not the one announced, so we threw the part away. What we had before is kept.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=460, category=Category.NETWORK, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping", fields=("algorithm",),
    )  # fmt: skip


class ChecksumUnknown(AppError):
    entry = Entry(
        code="UPLOAD_CHECKSUM_UNKNOWN",
        title="We do not know this kind of checksum",
        what_happened="The program announced a checksum of a kind we cannot compute; we know {known}. Nothing was changed.",
        actions=(button("Send it again with another checksum, or none", "retry"), ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("known",),
    )  # fmt: skip


class DigestMismatch(AppError):
    entry = Entry(
        code="UPLOAD_DIGEST_MISMATCH",
        title="These bytes are not the ones announced",
        what_happened="The {algorithm} digest of these bytes is not the one announced with them, so we did not take them. What we had before is kept.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=400, category=Category.NETWORK, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping", fields=("algorithm",),
    )  # fmt: skip


class FileDiffers(AppError):
    entry = Entry(
        code="UPLOAD_FILE_DIFFERS",
        title="The file arrived different from the one announced",
        what_happened="The {algorithm} digest of the whole file is not the one announced for it: it changed, or was damaged, while it was sent.",
        actions=(button("Choose the file again", "replace_file"), ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="warning",
        guide="file-refused", fields=("algorithm",),
    )  # fmt: skip
