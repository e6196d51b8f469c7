"""States of an upload in which a request cannot be done."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

_AGAIN = button("Choose the file again", "choose_file")
_GO_ON = button("Go on where it stopped", "resume")


class UploadNotFound(AppError):
    """A wrong token and an unknown upload read the same, so that nobody learns which uploads exist."""

    entry = Entry(
        code="UPLOAD_NOT_FOUND",
        title="There is no such upload",
        what_happened="This upload does not exist, or its address is no longer valid.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=404, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class ScopeMissing(AppError):
    """The address is right and was made for less: whoever holds it knows of the upload already, so 404 would hide nothing and help nobody."""

    entry = Entry(
        code="UPLOAD_SCOPE_MISSING",
        title="This address was made for less than that",
        what_happened="The address of this upload does not allow anybody to {wanted}. Nothing was changed; its owner can make an address that does.",
        actions=(link("Go to your uploads", "home"), ASK_FOR_HELP),
        status=403, category=Category.AUTH, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("wanted",),
    )  # fmt: skip


class ContinuedElsewhere(AppError):
    """The address was right until a newer one was issued.

    423, because upload programs take any other refusal of a status request as "start over" and would send the whole file again beside
    the one that goes on (tus-js-client, Uppy); at 423 they stop and show what we say.
    """

    entry = Entry(
        code="UPLOAD_CONTINUED_ELSEWHERE",
        title="This upload goes on somewhere else",
        what_happened="The upload was taken over in another tab or on another device, so nothing more can be sent from here. What arrived is kept.",
        actions=(link("See it in your library", "home"), ASK_FOR_HELP),
        status=423, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class UploadGone(AppError):
    entry = Entry(
        code="UPLOAD_CANCELED",
        title="This upload was canceled",
        what_happened="The upload was canceled and what had arrived was removed.",
        actions=(_AGAIN,),
        status=410, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class UploadRefused(AppError):
    entry = Entry(
        code="UPLOAD_REFUSED",
        title="This file was not taken",
        what_happened="The file was turned down, and what had arrived was removed. {reason}",
        actions=(button("Choose another file", "replace_file"), ASK_FOR_HELP),
        status=410, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="file-refused", fields=("reason",),
    )  # fmt: skip


class UploadExpired(AppError):
    entry = Entry(
        code="UPLOAD_EXPIRED",
        title="This upload waited too long",
        what_happened="The upload was not finished in time, so what had arrived was removed.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=410, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="warning",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class UploadCorrupt(AppError):
    entry = Entry(
        code="UPLOAD_CORRUPT",
        title="We lost part of this file",
        what_happened="Part of what you sent is no longer in our storage. That is our fault, and we have been told; please send the file again.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=410, category=Category.STORAGE, fault=Fault.US, retry=Retry.AFTER_CHANGE, severity="critical",
        guide="upload-keeps-stopping",
        runbook="On disk: compare the file under UPLOAD_DIR with `committed` of the session; look for a restored or full disk. "
        "In S3: the log names the object or parts that differ; list `S3_PREFIX<storage key>/` and its multipart upload (`aws s3api list-parts`), "
        "look for lifecycle rules that delete or abort what is days old, and for anybody else who writes to the bucket.",
    )  # fmt: skip


class UploadBusy(AppError):
    entry = Entry(
        code="UPLOAD_BUSY",
        title="This upload is busy for a moment",
        what_happened="Another connection is still writing to this upload. It was asked to stop; nothing is lost.",
        actions=(wait("Wait a second, then go on"),),
        status=423, category=Category.CONFLICT, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class WriterReplaced(AppError):
    entry = Entry(
        code="UPLOAD_TAKEN_OVER",
        title="Another connection goes on with this upload",
        what_happened="A newer request for the same upload took over. What arrived until then is kept.",
        actions=(_GO_ON,),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class UploadStalled(AppError):
    entry = Entry(
        code="UPLOAD_STALLED",
        title="The connection fell silent",
        what_happened="Nothing more arrived for {seconds} seconds, so we saved what we had and closed the connection.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=408, category=Category.NETWORK, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping", fields=("seconds",),
    )  # fmt: skip


class ServerRestarting(AppError):
    entry = Entry(
        code="UPLOAD_SERVER_RESTARTING",
        title="We are restarting",
        what_happened="This server is being restarted. What arrived is saved, and the upload can go on in a moment.",
        actions=(wait("Wait a few seconds, then go on"),),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class UploadUnfinished(AppError):
    entry = Entry(
        code="UPLOAD_UNFINISHED",
        title="This upload is not complete yet",
        what_happened="The file can be fetched when all of it has arrived; so far we have {offset} bytes.",
        actions=(_GO_ON,),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-from-a-program", fields=("offset",),
    )  # fmt: skip


class UploadComplete(AppError):
    entry = Entry(
        code="UPLOAD_COMPLETE",
        title="All of this file has arrived",
        what_happened="The upload is complete, so there is nothing left to send or to cancel. What becomes of the file is shown on its video's page.",
        actions=(link("Go to your videos", "home"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class ReceiptNotReady(AppError):
    entry = Entry(
        code="UPLOAD_RECEIPT_NOT_READY",
        title="There is no receipt yet",
        what_happened="The receipt is written when all of the file has arrived and was checked. That takes a moment after the last byte.",
        actions=(wait("Wait a moment, then ask again"), ASK_FOR_HELP),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping",
    )  # fmt: skip


class VideoNotWaiting(AppError):
    entry = Entry(
        code="UPLOAD_VIDEO_NOT_WAITING",
        title="This video does not need a new file",
        what_happened="A new file was sent for a video that is not waiting for one, so we did not start the upload.",
        actions=(link("Go to your videos", "home"), ASK_FOR_HELP),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="file-refused",
    )  # fmt: skip
