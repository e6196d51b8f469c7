"""Files we cannot take. Each says what the file is, in the words of the person who sent it."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, wait

_OTHER = button("Choose another file", "replace_file")
_GUIDE = "file-refused"
KINDS_WE_TAKE = "MP4, MOV, M4V, WebM, MKV, AVI, TS, MP3, WAV, OGG, M4A and FLAC"


class TypeRefused(AppError):
    entry = Entry(
        code="UPLOAD_TYPE_REFUSED",
        title="We do not take this kind of file",
        what_happened=f"Files of the kind “{{kind}}” are neither video nor audio that we can convert. We take {KINDS_WE_TAKE}.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=415, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("kind",),
    )  # fmt: skip


class FileEmpty(AppError):
    entry = Entry(
        code="UPLOAD_EMPTY",
        title="This file is empty",
        what_happened="The file has no content at all (0 bytes). Often the recording or the copy did not finish.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class FileIsText(AppError):
    entry = Entry(
        code="UPLOAD_IS_TEXT",
        title="This is a text file, not a video",
        what_happened="This is a text file named {name}. Perhaps a web page was saved instead of the video it showed.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=415, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("name",),
    )  # fmt: skip


class FileIsPicture(AppError):
    entry = Entry(
        code="UPLOAD_IS_PICTURE",
        title="This is a picture, not a video",
        what_happened="This is a picture named {name}. We convert video and audio only.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=415, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("name",),
    )  # fmt: skip


class FileIsDocument(AppError):
    entry = Entry(
        code="UPLOAD_IS_DOCUMENT",
        title="This is not a video or audio file",
        what_happened="This is {what} named {name}. We convert video and audio only.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=415, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("what", "name"),
    )  # fmt: skip


class NotMedia(AppError):
    entry = Entry(
        code="UPLOAD_NOT_MEDIA",
        title="This does not look like video or audio",
        what_happened=f"The content of {{name}} is not any video or audio format we know. We take {KINDS_WE_TAKE}.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=415, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("name",),
    )  # fmt: skip


class FileTruncated(AppError):
    entry = Entry(
        code="UPLOAD_TRUNCATED",
        title="The end of this file is missing",
        what_happened="The end of this file is missing: the recording or the copy stopped early. Check that it plays to the end, then upload it again.",
        actions=(button("Choose the complete file", "replace_file"), ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class FileUnreadable(AppError):
    entry = Entry(
        code="UPLOAD_UNREADABLE",
        title="We could not read this file",
        what_happened="The file looks like video or audio, but its content is damaged and could not be read. Export it again as MP4 and upload that.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class NoTracks(AppError):
    entry = Entry(
        code="UPLOAD_NO_TRACKS",
        title="There is no picture and no sound in this file",
        what_happened="The file opens, but we found neither a picture nor sound in it. Export it again and check that it plays.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="no-sound-or-picture",
    )  # fmt: skip


class CodecUnknown(AppError):
    entry = Entry(
        code="UPLOAD_FORMAT_UNKNOWN",
        title="We cannot play this format",
        what_happened="The picture or sound in this file is stored in a way we cannot play. Export it as MP4 (H.264 and AAC) and upload that.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE,
    )  # fmt: skip


class TooLong(AppError):
    entry = Entry(
        code="UPLOAD_TOO_LONG",
        title="This is longer than we take",
        what_happened="The file plays for {duration_text}, and we take up to {limit_text}. Cut it into parts and upload those.",
        actions=(_OTHER, ASK_FOR_HELP),
        status=422, category=Category.MEDIA, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=("duration_s", "limit_s", "duration_text", "limit_text"),
    )  # fmt: skip


class ChecksDelayed(AppError):
    """The examination of a file was cut off; it is run again by itself."""

    entry = Entry(
        code="UPLOAD_CHECKS_DELAYED",
        title="Checking your file takes longer than usual",
        what_happened="Looking at the file took too long, so we start over by ourselves. There is nothing you need to do.",
        actions=(wait("Wait a few minutes"),),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AUTO, severity="warning",
        guide=_GUIDE,
        runbook="Look at the machine's load; run the task again from the dead letters if it ended there.",
    )  # fmt: skip


class CheckFailed(AppError):
    entry = Entry(
        code="UPLOAD_CHECK_FAILED",
        title="We could not check your file",
        what_happened="Your file arrived safely, but we failed to check it. That is our fault, and we have been told. Your file is kept.",
        actions=(ASK_FOR_HELP,),
        status=500, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide=_GUIDE,
        runbook="Look at the last run of the task uploads.inspect for this session, mend the cause, replay the dead letter.",
    )  # fmt: skip
