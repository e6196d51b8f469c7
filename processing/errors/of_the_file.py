"""What is wrong with a file, as a converter found it: its owner's move."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Entry, Match, link

from .common import NEW_FILE, OF_THE_FILE, READ_GUIDE
from .partners import examples_of, said_of


class SourceTruncated(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_TRUNCATED",
        title="The end of this file is missing",
        what_happened="The recording or its export stopped too early, so the end is missing. Check that it plays to the end, then upload it again.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        fields=("at",),
        matches=(
            Match("ffmpeg", pattern=r"in#\d+/(?!mpeg)\S* .*corrupt input packet|: partial file|File ended prematurely"),
            *said_of("ENCODING_SOURCE_TRUNCATED"),
        ),
        examples=(
            {"source": "ffmpeg", "message": "[in#0/mov,mp4 @ 0x1] [fatal] corrupt input packet in stream 0"},
            {"source": "ffmpeg", "message": "[in#0/mov,mp4] [error] stream 1, offset 0x7fdeb: partial file"},
            *examples_of("ENCODING_SOURCE_TRUNCATED"),
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
        matches=(
            *(Match("pyav", code=code) for code in ("IndexError", "StreamNotFoundError")),
            Match("ffmpeg", pattern=r"matches no streams|does not contain any stream"),
        ),
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
        matches=(
            Match("pyav", code="DecoderNotFoundError"),
            Match("ffmpeg", pattern=r"no decoder found|Decoder not found|Decoder \(codec [^)]*\) not found|format not whitelisted|not in allowed list"),
            *said_of("ENCODING_FORMAT_UNSUPPORTED"),
        ),
        examples=(
            {"source": "ffmpeg", "message": "[error] Decoding requested, but no decoder found for: none"},
            {"source": "ffmpeg", "message": "Format not whitelisted, expected one of mov"},
            *examples_of("ENCODING_FORMAT_UNSUPPORTED"),
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
        matches=(
            *(Match("pyav", code=code) for code in ("InvalidDataError", "EOFError", "PermissionError", "ValueError")),
            Match("ffmpeg", pattern=r"Error opening input|moov atom not found|could not find codec parameters|Unsafe file name"),
            *said_of("ENCODING_SOURCE_UNREADABLE"),
        ),
        examples=(
            {"source": "ffmpeg", "message": "[in#0] [fatal] Error opening input: Invalid data found when processing input"},
            {"source": "ffmpeg", "message": "[mov] [error] moov atom not found"},
            *examples_of("ENCODING_SOURCE_UNREADABLE"),
        ),
        runbook="Inspection let it through: see what the probe said and add the case to inspection.",
        **OF_THE_FILE,
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
