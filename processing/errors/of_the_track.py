"""What a partner found wrong inside a file: another converter, or a lenient pass, may still make something of it."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Entry, link

from .common import NEW_FILE, OF_THE_FILE, READ_GUIDE
from .partners import examples_of, said_of


class SourceDamaged(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_DAMAGED",
        title="This file is damaged inside",
        what_happened="The file is put together in a way that none of our converters could follow. Please export it again and upload the new file.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=said_of("ENCODING_SOURCE_DAMAGED"),
        examples=examples_of("ENCODING_SOURCE_DAMAGED"),
        runbook="Compare the stored SHA-256 with the client's copy. If they agree, only the owner can help.",
        **OF_THE_FILE,
    )


class NoPicture(AppError):
    entry = Entry(
        code="ENCODING_NO_PICTURE",
        title="We found no picture in this file",
        what_happened="There is no picture in this file that could be shown. Please upload a file with a video track, or the sound alone as an MP3 or M4A.",
        actions=(NEW_FILE, link("Why this happens", "guide:no-sound-or-picture"), ASK_FOR_HELP),
        matches=said_of("ENCODING_NO_PICTURE"),
        examples=examples_of("ENCODING_NO_PICTURE"),
        runbook="Read the session's probe. If it names a picture, inspection and conversion disagree: that is a fault of ours.",
        **OF_THE_FILE | {"guide": "no-sound-or-picture"},
    )


class SoundUnreadable(AppError):
    entry = Entry(
        code="ENCODING_SOUND_UNREADABLE",
        title="The sound of this file is damaged",
        what_happened="The sound track could not be read by any of our converters. Export the file again, with AAC sound, and upload that.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=said_of("ENCODING_SOUND_UNREADABLE"),
        examples=examples_of("ENCODING_SOUND_UNREADABLE"),
        runbook="Play the stored source. If its sound is fine, the converter's settings for sound are a fault of ours.",
        **OF_THE_FILE,
    )


class HdrDamaged(AppError):
    entry = Entry(
        code="ENCODING_HDR_DAMAGED",
        title="The HDR data in this file is damaged",
        what_happened="The data for high dynamic range in this file is damaged. Export it without HDR (as SDR) and upload that.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=said_of("ENCODING_HDR_DAMAGED"),
        examples=examples_of("ENCODING_HDR_DAMAGED"),
        runbook="The local converter leaves Dolby Vision's data out. If it failed as well, the attempt's own words say why.",
        **OF_THE_FILE,
    )


class TimesBroken(AppError):
    entry = Entry(
        code="ENCODING_TIMES_BROKEN",
        title="Picture and sound of this file do not fit together",
        what_happened="The times of picture and sound in this file contradict each other, so it cannot play evenly. A fresh export usually puts that right.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        matches=said_of("ENCODING_TIMES_BROKEN"),
        examples=examples_of("ENCODING_TIMES_BROKEN"),
        runbook="The local converter is more patient with such files. If it failed as well, keep the file: it is a test case.",
        **OF_THE_FILE,
    )
