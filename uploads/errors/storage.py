"""What our own storage can do to an upload."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, wait


class StorageFull(AppError):
    entry = Entry(
        code="UPLOAD_STORAGE_FULL",
        title="We are short of room right now",
        what_happened="Our storage is nearly full, so we cannot take more at the moment. What arrived is kept, and the upload can go on later.",
        actions=(wait("Wait a minute, then go on"), ASK_FOR_HELP),
        status=507, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide="upload-keeps-stopping",
        runbook="Run `manage.py recover`, then free room on the disk that holds UPLOAD_DIR. "
        "With UPLOAD_STORE=s3 the disk is the one that holds WORK_DIR, where files are copied to for their inspection.",
    )  # fmt: skip


class StorageFailed(AppError):
    entry = Entry(
        code="UPLOAD_STORAGE_FAILED",
        title="Our storage did not take these bytes",
        what_happened="Our storage failed while saving this part. What was saved before is kept, and the upload goes on from there.",
        actions=(wait("Wait a few seconds, then go on"), ASK_FOR_HELP),
        status=503, category=Category.STORAGE, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide="upload-keeps-stopping",
        runbook="On disk: look for input/output errors of the disk that holds UPLOAD_DIR in the kernel log. "
        "In S3: the log has S3's own word (`Refused`); check the bucket's policy, its encryption key and that S3_PART_SIZE is one it takes.",
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
        runbook="Run `manage.py doctor`, which tries the bucket; open the circuit s3 in admin for S3's own words. "
        "Check bucket, access keys, region and endpoint (S3_… settings) and the line to S3.",
    )  # fmt: skip


class PartsUsedUp(AppError):
    """S3 takes 10,000 parts of one file. Writers that died hundreds of times, each with parts in hand, have used them up (store/s3/numbers.py)."""

    entry = Entry(
        code="UPLOAD_PARTS_USED_UP",
        title="This upload was interrupted too often",
        what_happened="Our servers failed so often during this upload that our storage takes no more pieces of it. Cancel it, then choose the file again.",
        actions=(button("Cancel this upload", "cancel"), ASK_FOR_HELP),
        status=409, category=Category.STORAGE, fault=Fault.US, retry=Retry.AFTER_CHANGE, severity="critical",
        guide="upload-keeps-stopping",
        runbook="Hundreds of writers of this one upload died: look for web workers that are killed over and over (the kernel log tells of memory).",
    )  # fmt: skip
