"""What can go wrong between an accepted file and a playable one. `classify.py` says which class of failure each stands for."""

from __future__ import annotations

from typing import Any

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Match, Retry, button, link, wait

NEW_FILE = button("Upload a new file", "replace_file")
TRY_AGAIN = button("Try again", "retry")
READ_GUIDE = link("What usually helps", "guide:conversion-failed")
WE_GO_ON = wait("We go on by ourselves")

OF_THE_FILE: dict[str, Any] = {
    "status": 422,
    "category": Category.MEDIA,
    "fault": Fault.USER,
    "retry": Retry.AFTER_CHANGE,
    "severity": "warning",
    "guide": "conversion-failed",
}
OURS: dict[str, Any] = {"status": 503, "category": Category.ENCODER, "fault": Fault.US, "retry": Retry.AUTO, "guide": "conversion-failed"}


class SourceTruncated(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_TRUNCATED",
        title="The end of this file is missing",
        what_happened="The recording or its export stopped too early, so the end is missing. Check that it plays to the end, then upload it again.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        fields=("at",),
        matches=(Match("ffmpeg", pattern=r"in#\d+/(?!mpeg)\S* .*corrupt input packet|: partial file|File ended prematurely"),),
        examples=(
            {"source": "ffmpeg", "message": "[in#0/mov,mp4 @ 0x1] [fatal] corrupt input packet in stream 0"},
            {"source": "ffmpeg", "message": "[in#0/mov,mp4] [error] stream 1, offset 0x7fdeb: partial file"},
        ),
        runbook="The file is whole in our store: compare its size and SHA-256 with the upload session. If they agree, only the owner can help.",
        **OF_THE_FILE,
    )


class SourceCorrupt(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_CORRUPT",
        title="This file is damaged",
        what_happened="The file is damaged from {at} on, so badly that too little of it could be saved. Please export it again and upload the new file.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        fields=("at",),
        matches=(
            Match(
                "ffmpeg",
                pattern=r"packet (to|in) decoder: |Decoding error: |Invalid NAL unit size|while decoding MB|missing picture|exceeds containing master"
                r"|in#\d+/mpeg\S* .*corrupt input packet|Task finished with error code: -\d+ \(Invalid data",
            ),
        ),
        examples=(
            {"source": "ffmpeg", "message": "[vist#0:0/h264] [dec:h264] [error] Error processing packet in decoder: Invalid data found"},
            {"source": "ffmpeg", "message": "[h264] [error] Invalid NAL unit size (-448671249 > 3084)."},
            {"source": "ffmpeg", "message": "[in#0/mpegts @ 0x1] [fatal] corrupt input packet in stream 0"},
        ),
        runbook="Compare the stored SHA-256 with the client's copy. The attempt's own words say where decoding stopped.",
        **OF_THE_FILE,
    )


class NothingToPlay(AppError):
    entry = Entry(
        code="ENCODING_NOTHING_TO_PLAY",
        title="We found no picture and no sound",
        what_happened="The file opens, but there is neither a picture nor a sound track in it that could be played.",
        actions=(NEW_FILE, link("Why this happens", "guide:no-sound-or-picture"), ASK_FOR_HELP),
        matches=(Match("ffmpeg", pattern=r"matches no streams|does not contain any stream"),),
        examples=({"source": "ffmpeg", "message": "[fatal] Stream map '' matches no streams."},),
        runbook="Read the session's probe. If it names a track that was not found here, inspection and conversion disagree: that is a fault of ours.",
        **OF_THE_FILE | {"guide": "no-sound-or-picture"},
    )


class FormatUnsupported(AppError):
    entry = Entry(
        code="ENCODING_FORMAT_UNSUPPORTED",
        title="We cannot convert this kind of file",
        what_happened="The picture or sound in this file is stored in a way none of our converters can read. An MP4 with H.264 and AAC always works.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=(Match("ffmpeg", pattern=r"no decoder found|Decoder not found|Decoder \(codec [^)]*\) not found|format not whitelisted|not in allowed list"),),
        examples=(
            {"source": "ffmpeg", "message": "[error] Decoding requested, but no decoder found for: none"},
            {"source": "ffmpeg", "message": "Format not whitelisted, expected one of mov"},
        ),
        runbook="Look at the session's probe for the format. If many ask for the same one, see whether a newer ffmpeg reads it.",
        **OF_THE_FILE,
    )


class SourceUnreadable(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_UNREADABLE",
        title="This file could not be opened as media",
        what_happened="The file does not open as a video or as sound, whatever its name says. Export it again as an MP4 and upload that.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=(Match("ffmpeg", pattern=r"Error opening input|moov atom not found|could not find codec parameters|Unsafe file name"),),
        examples=(
            {"source": "ffmpeg", "message": "[in#0] [fatal] Error opening input: Invalid data found when processing input"},
            {"source": "ffmpeg", "message": "[mov] [error] moov atom not found"},
        ),
        runbook="Inspection let it through: see what the probe said and add the case to inspection.",
        **OF_THE_FILE,
    )


class SourceLost(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_LOST",
        title="We can no longer read your file",
        what_happened="The file you sent is not whole in our storage any more. That is our fault, and we have been told. Sending it again helps at once.",
        actions=(NEW_FILE, ASK_FOR_HELP),
        matches=(Match("engine", code="SOURCE_LOST"),),
        examples=({"source": "engine", "code": "SOURCE_LOST", "message": "has 0 of 1000 bytes"},),
        runbook="The stored file is missing or has another size than was acknowledged: check the upload store's disk and mounts before anything else.",
        **OURS | {"category": Category.STORAGE, "severity": "critical"},
    )


class OutputInvalid(AppError):
    entry = Entry(
        code="ENCODING_OUTPUT_INVALID",
        title="The converted video did not pass our check",
        what_happened="The result is shorter than the original or does not play, so we did not publish it. Uploading a fresh export usually helps.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=(Match("verify"),),
        examples=({"source": "verify", "message": "179 of 300 frames"},),
        runbook="The attempt's own words name the check that failed. Convert the source by hand with the same command and compare.",
        **OF_THE_FILE,
    )


class EngineBusy(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_BUSY",
        title="Converting takes longer than usual",
        what_happened="Our converters are busy or at their limit. Your file is safe and its turn comes by itself.",
        actions=(WE_GO_ON,),
        matches=(Match("engine", code="BUSY"), Match("os", code="ENOMEM"), Match("os", code="EAGAIN"), Match("ffmpeg", pattern="Cannot allocate memory")),
        examples=({"source": "os", "code": "ENOMEM", "message": ""}, {"source": "ffmpeg", "message": "Error initializing: Cannot allocate memory"}),
        runbook="Look at memory and at the number of media workers on the hosts that convert.",
        **OURS | {"category": Category.CAPACITY, "severity": "warning"},
    )


class DiskFull(AppError):
    entry = Entry(
        code="ENCODING_DISK_FULL",
        title="Converting takes longer than usual",
        what_happened="We ran out of room while converting. Your file is safe; we make room and go on by ourselves.",
        actions=(WE_GO_ON,),
        matches=(Match("ffmpeg", pattern=r"No space left on device"), Match("os", code="ENOSPC"), Match("os", code="EDQUOT")),
        examples=({"source": "ffmpeg", "message": "Error writing trailer: No space left on device"}, {"source": "os", "code": "ENOSPC", "message": ""}),
        runbook="Free space under VAR_DIR (work and renditions), then `manage.py recover`. Waiting jobs go on within five minutes.",
        **OURS | {"category": Category.CAPACITY, "severity": "critical"},
    )


class EngineFailed(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_FAILED",
        title="Something failed while converting",
        what_happened="A converter stopped in the middle of its work. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=(Match("ffmpeg", code="killed"), Match("os", code="EIO"), Match("engine", code="FAILED")),
        examples=({"source": "ffmpeg", "code": "killed", "message": ""}, {"source": "os", "code": "EIO", "message": ""}),
        runbook="Read the attempt's own words. Killed from outside usually means the host ran out of memory: see the kernel's log.",
        **OURS | {"severity": "warning"},
    )


class EngineStalled(AppError):
    entry = Entry(
        code="ENCODING_STALLED",
        title="The conversion stood still",
        what_happened="A converter made no headway for too long, so we stopped it. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=(Match("engine", code="STALLED"),),
        examples=({"source": "engine", "code": "STALLED", "message": "no progress for 30 s"},),
        runbook="See whether the host's disks answer. The same file standing still again and again belongs with the ffmpeg project.",
        **OURS | {"severity": "warning"},
    )


class EngineMissing(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_MISSING",
        title="Your file waits for us",
        what_happened="A setting on our side keeps us from converting. We have been told, your file is safe, and it goes on as soon as that is put right.",
        actions=(WE_GO_ON, ASK_FOR_HELP),
        matches=(
            Match("engine", code="MISSING"),
            *(Match("os", code=code) for code in ("EACCES", "EPERM", "EROFS")),
            Match("ffmpeg", pattern=r"Unrecognized option|Option not found|Unknown encoder|Encoder not found|No such filter"),
        ),
        examples=({"source": "engine", "code": "MISSING", "message": "no ffmpeg"}, {"source": "ffmpeg", "message": "Unknown encoder 'libx264'"}),
        runbook="`manage.py doctor` says what is wrong with ffmpeg or with the setting ENGINES. Blocked jobs go on by themselves afterwards.",
        **OURS | {"severity": "critical"},
    )


class SourcePoisonous(AppError):
    entry = Entry(
        code="ENCODING_POISON",
        title="We could not convert this file",
        what_happened="Converting this file stopped our converter several times, so we left it alone. We have been told. Another export of it may work.",
        actions=(NEW_FILE, TRY_AGAIN, ASK_FOR_HELP),
        runbook="The worker died while it had this file. Look for out-of-memory kills on the host before trying again; keep the file, it is a test case.",
        **OURS | {"retry": Retry.NEVER, "severity": "critical"},
    )


class GaveUp(AppError):
    entry = Entry(
        code="ENCODING_GAVE_UP",
        title="We could not convert this file",
        what_happened="We tried {tries} times and it did not work. The fault is on our side and we have been told. Your file is safe with us.",
        actions=(TRY_AGAIN, ASK_FOR_HELP),
        fields=("tries",),
        runbook="The attempts of the job say what happened each time. Repair that, then `manage.py retry_jobs --code ENCODING_GAVE_UP`.",
        **OURS | {"retry": Retry.NEVER},
    )


class EncodingUnclassified(AppError):
    entry = Entry(
        code="ENCODING_UNCLASSIFIED",
        title="None of our converters could finish this file",
        what_happened="We could not convert this file and do not know exactly why; we have been told. A fresh export as an MP4 usually works.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        runbook="Give this failure an entry of its own: the attempt's own words are on the job's page.",
        **OF_THE_FILE | {"severity": "error"},
    )
