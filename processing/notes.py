"""What a person is told beside a video that does play: warnings, and refusals of what was asked of a job."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

from .errors import NEW_FILE, OF_THE_FILE, OURS, READ_GUIDE, TRY_AGAIN


class DamagedFrom(AppError):
    entry = Entry(
        code="ENCODING_DAMAGED_FROM",
        title="The original is damaged",
        what_happened="The original is damaged from {at} on. We saved what could be saved: it plays, but parts of picture or sound may be missing.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        fields=("at",),
        **OF_THE_FILE,
    )


class PartlySaved(AppError):
    entry = Entry(
        code="ENCODING_PARTLY_SAVED",
        title="Parts of the original could not be read",
        what_happened="Some of the original is missing or could not be read cleanly. We saved all there was: it plays, but something may be missing.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        **OF_THE_FILE,
    )


class LowerQualityOnly(AppError):
    entry = Entry(
        code="ENCODING_LOWER_QUALITY",
        title="Some of the qualities could not be made",
        what_happened="The video plays, but its higher qualities could not be made ({missing}).",
        actions=(TRY_AGAIN, ASK_FOR_HELP),
        fields=("missing",),
        runbook="The job's attempts say why the missing ones failed. Retry the job: only what is missing is made.",
        **OURS | {"retry": Retry.AFTER_WAIT, "severity": "warning"},
    )


class JobStillRunning(AppError):
    entry = Entry(
        code="JOB_STILL_RUNNING",
        title="This is being converted right now",
        what_happened="The conversion is still going on, so there is nothing to try again yet.",
        actions=(wait("Wait until it has ended"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
    )  # fmt: skip


class JobAlreadyEnded(AppError):
    entry = Entry(
        code="JOB_ALREADY_ENDED",
        title="This conversion has already ended",
        what_happened="The conversion ended before it could be stopped.",
        actions=(button("Reload the page", "reload"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip


class JobSuperseded(AppError):
    entry = Entry(
        code="JOB_SUPERSEDED",
        title="There is a newer conversion of this video",
        what_happened="A newer conversion of this video exists, so the old one is left as it is.",
        actions=(button("Reload the page", "reload"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip


class RenditionNotFound(AppError):
    entry = Entry(
        code="RENDITION_NOT_FOUND",
        title="That part of the video is not there",
        what_happened="This part of the video does not exist, or the video was replaced or removed in the meantime.",
        actions=(button("Reload the page", "reload"), link("Go to the start page", "home")),
        status=404, category=Category.MEDIA, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip
