"""What our own storage can do to an upload."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, wait


class StorageFull(AppError):
    entry = Entry(
        code="UPLOAD_STORAGE_FULL",
        title="We are short of room right now",
        what_happened="Our storage is nearly full, so we cannot take more at the moment. What arrived is kept, and the upload can go on later.",
        actions=(wait("Wait a minute, then go on"), ASK_FOR_HELP),
        status=507, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide="upload-keeps-stopping",
        runbook="Run `manage.py recover`, then free room on the disk that holds UPLOAD_DIR.",
    )  # fmt: skip


class StorageFailed(AppError):
    entry = Entry(
        code="UPLOAD_STORAGE_FAILED",
        title="Our storage did not take these bytes",
        what_happened="Our storage failed while saving this part. What was saved before is kept, and the upload goes on from there.",
        actions=(wait("Wait a few seconds, then go on"), ASK_FOR_HELP),
        status=503, category=Category.STORAGE, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide="upload-keeps-stopping",
        runbook="Look for input/output errors of the disk that holds UPLOAD_DIR in the kernel log.",
    )  # fmt: skip


class StorageAway(StorageFailed):
    """The object store does not answer, or the circuit in front of it is open."""

    entry = Entry(
        code="UPLOAD_STORAGE_AWAY",
        title="Our storage cannot be reached right now",
        what_happened="Our storage does not answer at the moment. What was saved before is kept, and the upload goes on from there by itself.",
        actions=(wait("Wait a few seconds, then go on"), ASK_FOR_HELP),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AFTER_WAIT, severity="critical",
        guide="upload-keeps-stopping",
        runbook="Open the circuit s3 in admin for S3's own words. Check bucket, access keys, region and endpoint (S3_… settings) and the line to S3.",
    )  # fmt: skip
