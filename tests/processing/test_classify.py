from __future__ import annotations

import pytest

from processing.classify import Classified, ErrorClass, classify, clock
from processing.engines.base import Failure

NAL = "[h264 @ 0x55de] [error] Invalid NAL unit size (3220 > 910)."


@pytest.mark.parametrize(
    ("failure", "code", "error_class"),
    [
        # As ffmpeg 9.0.2 said it of real broken files.
        (
            Failure("ffmpeg", "183", f"{NAL}\n[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x5] [fatal] corrupt input packet in stream 0"),
            "ENCODING_SOURCE_TRUNCATED",
            "input_truncated",
        ),
        (Failure("ffmpeg", "0", "[in#0/matroska,webm @ 0x5] [error] File ended prematurely"), "ENCODING_SOURCE_TRUNCATED", "input_truncated"),
        (Failure("ffmpeg", "183", "[in#0/mpegts @ 0x5] [fatal] corrupt input packet in stream 0"), "ENCODING_SOURCE_CORRUPT", "input_corrupt"),
        (Failure("ffmpeg", "183", NAL), "ENCODING_SOURCE_CORRUPT", "input_corrupt"),
        (
            Failure("ffmpeg", "183", "[dec:mp3float @ 0x5] [error] Error submitting packet to decoder: Invalid data found"),
            "ENCODING_SOURCE_CORRUPT",
            "input_corrupt",
        ),
        (
            Failure("ffmpeg", "183", "[mov @ 0x5] [error] moov atom not found\n[in#0 @ 0x5] [error] Error opening input: Invalid data"),
            "ENCODING_SOURCE_UNREADABLE",
            "input_unreadable",
        ),
        (Failure("ffmpeg", "234", "[fatal] Stream map '' matches no streams."), "ENCODING_NOTHING_TO_PLAY", "input_no_video"),
        (Failure("ffmpeg", "234", "[error] Decoding requested, but no decoder found for: none"), "ENCODING_FORMAT_UNSUPPORTED", "input_codec"),
        (Failure("ffmpeg", "228", f"{NAL}\n[out#0/hls] [error] Error muxing a packet: No space left on device"), "ENCODING_DISK_FULL", "capacity"),
        (Failure("os", "ENOSPC", "no room"), "ENCODING_DISK_FULL", "capacity"),
        (Failure("os", "EIO", "bad disk"), "ENCODING_ENGINE_FAILED", "transient"),
        (Failure("os", "EACCES", "not ours"), "ENCODING_ENGINE_MISSING", "config"),
        (Failure("os", "EXYZ", "?"), "ENCODING_UNCLASSIFIED", "unclassified"),
        (Failure("ffmpeg", "killed", ""), "ENCODING_ENGINE_FAILED", "transient"),
        (Failure("ffmpeg", "8", "Unknown encoder 'libx264'"), "ENCODING_ENGINE_MISSING", "config"),
        (Failure("engine", "MISSING", "no ffmpeg"), "ENCODING_ENGINE_MISSING", "config"),
        (Failure("engine", "STALLED", "silent"), "ENCODING_STALLED", "stalled"),
        (Failure("engine", "SOURCE_LOST", "0 of 9 bytes"), "ENCODING_SOURCE_LOST", "dependency"),
        (Failure("verify", "360p", "179 of 300 frames"), "ENCODING_OUTPUT_INVALID", "output_invalid"),
        (Failure("ffmpeg", "1", "something new"), "ENCODING_UNCLASSIFIED", "unclassified"),
        (Failure("ffmpeg", "0", "[hls] [error] Application provided invalid, non monotonically increasing dts"), "ENCODING_UNCLASSIFIED", "unclassified"),
    ],
)
def test_what_a_failure_is(failure: Failure, code: str, error_class: str) -> None:
    found = classify(failure)
    assert (found.code, found.error_class) == (code, ErrorClass(error_class))


def test_the_place_of_the_damage_is_told() -> None:
    assert classify(Failure("ffmpeg", "183", NAL, at_s=3.9)) == Classified("ENCODING_SOURCE_CORRUPT", ErrorClass.INPUT_CORRUPT, {"at": "0:03"})


def test_what_ffmpeg_says_of_a_cut_off_file_and_of_no_video_at_all_is_looked_into() -> None:
    assert classify(Failure("ffmpeg", "183", "[mov @ 0x5] [error] moov atom not found")).ambiguous
    assert not classify(Failure("ffmpeg", "183", "[in#0 @ 0x5] [error] Error opening input: Invalid data")).ambiguous


@pytest.mark.parametrize(("seconds", "shown"), [(None, "the start"), (0.4, "the start"), (3.9, "0:03"), (65, "1:05"), (3729, "1:02:09")])
def test_a_moment_reads_as_in_a_player(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown
