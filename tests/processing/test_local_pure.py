"""The local engine's parts that need no process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processing.engines.base import RungOutput
from processing.engines.local import command
from processing.engines.local.measure import avc_codec, segments
from processing.engines.local.process import STDERR_LINES, _Words
from processing.engines.local.progress import Progress, ProgressParser
from processing.engines.local.verify import Expected, expected, fault_in
from processing.ladder import Rung
from processing.playlist import main_playlist, playlist_name

BLOCKS = (
    b"frame=0\nout_time_us=N/A\nout_time_ms=N/A\nprogress=continue\n"
    b"frame=30\nout_time_us=1000000\nout_time_ms=1000000\nprogress=continue\nframe=60\nout_time_us=2000000\nprogress=end\n"
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_progress_in_pieces_of_any_size(size: int) -> None:
    parser, found = ProgressParser(), []
    for at in range(0, len(BLOCKS), size):
        found += parser.feed(BLOCKS[at : at + size])
    assert found == [Progress(0.0, 0, False), Progress(1.0, 30, False), Progress(2.0, 60, True)]


def test_progress_never_goes_back() -> None:
    parser = ProgressParser()
    assert [one.out_time_s for one in parser.feed(b"out_time_us=5000000\nprogress=continue\nout_time_us=-9\nprogress=continue\n")] == [5.0, 5.0]


def test_words_keep_their_beginning_and_their_end_and_stay_small() -> None:
    words = _Words()
    for number in range(10_000):
        words.feed(f"line {number} {'x' * 5_000}\n".encode())
    text = words.text().splitlines()
    assert len(text) == STDERR_LINES
    assert text[0].startswith("line 0 ")
    assert text[-1].startswith("line 9999 ")
    assert len(words.text()) < STDERR_LINES * 301


def test_the_command_reads_one_local_file_and_nothing_else() -> None:
    line = command.rung_command("ffmpeg", source="/s", rung=Rung("360p", 640, 360, 1, 1), folder=Path("/f"), threads=1, strict=True, sound=True)
    before = line[: line.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file"
    formats = before[before.index("-format_whitelist") + 1].split(",")
    assert "mov" in formats
    assert not {"hls", "concat", "image2", "tty", "lavfi", "dash", "ffmetadata"} & set(formats)
    assert line[line.index("-i") + 1] == "file:/s"
    assert {"-nostdin", "-xerror", "explode"} <= set(line)


def test_a_salvage_pass_is_lenient_and_sound_that_cannot_be_read_is_left_out() -> None:
    line = command.rung_command("ffmpeg", source="/s", rung=Rung("360p", 640, 360, 1, 1), folder=Path("/f"), threads=1, strict=False, sound=False)
    assert "-xerror" not in line
    assert "-an" in line


def probe(duration: float, *, frames: int = 0, fps: float = 30, audio: bool = True) -> dict[str, Any]:
    return {"duration_s": duration, "video": {"frames": frames, "fps": fps}, "audio": {"codec": "aac"} if audio else None}


@pytest.mark.parametrize(
    ("source", "rung", "wanted"),
    [
        (probe(10, frames=300), Rung("r", 2, 2), Expected((10, 10.0), 300, True)),
        (probe(10), Rung("r", 2, 2), Expected((10,), None, True)),
        (probe(10, frames=1200, fps=120), Rung("r", 2, 2, fps_cap=60), Expected((10, 10.0), 600, True)),
        (probe(10, frames=150), Rung("r", 2, 2), Expected((10, 5.0), 150, True)),
        (probe(5, frames=300), Rung("r", 2, 2), Expected((5, 10.0), 150, True)),
        (probe(10, frames=300), Rung("audio"), Expected((10,), None, True)),
        (probe(10) | {"container": "mp3"}, Rung("audio"), Expected((), None, True)),
        ({}, Rung("audio"), Expected((), None, False)),
    ],
)
def test_what_a_source_promises(source: dict[str, Any], rung: Rung, wanted: Expected) -> None:
    assert expected(source, rung) == wanted


def found(duration: float = 10.0, frames: int = 300, sounds: int = 400, fault: str = "") -> dict[str, Any]:
    return {"fault": fault, "duration_s": duration, "frames": frames, "sounds": sounds}


WHOLE = Expected((10.0,), 300, True)


@pytest.mark.parametrize(
    ("measured", "wanted", "salvage", "fault"),
    [
        (found(), WHOLE, False, ""),
        (found(9.1), WHOLE, False, ""),
        (found(8.9), WHOLE, False, "8.9 s instead of 10.0 s"),
        (found(11.2), WHOLE, False, "11.2 s instead of 10.0 s"),
        (found(98.1), Expected((100.0,)), False, ""),
        (found(97.9), Expected((100.0,)), False, "97.9 s instead of 100.0 s"),
        (found(5.0, 150), Expected((10.0, 5.0), 150), False, ""),
        (found(frames=294), WHOLE, False, ""),
        (found(frames=271), WHOLE, False, "271 of 300 frames"),
        (found(sounds=0), WHOLE, False, "the sound is missing"),
        (found(1.0, 1, 0), Expected(), False, ""),
        (found(fault="2 segments, 1 empty, ended"), WHOLE, True, "2 segments, 1 empty, ended"),
        (found(6.0, 179, 0), WHOLE, True, ""),
        (found(4.9, 300), WHOLE, True, "only 4.9 s and 300 frames could be saved"),
        (found(10.0, 149), WHOLE, True, "only 10.0 s and 149 frames could be saved"),
    ],
)
def test_what_passes_the_check(measured: dict[str, Any], wanted: Expected, salvage: bool, fault: str) -> None:
    assert fault_in(measured, wanted, salvage=salvage) == fault


def test_the_main_playlist_names_rungs_relative_to_itself() -> None:
    outputs = [
        RungOutput("720p", "vid/job/att2/720p/index.m3u8", 3_000_000, 10.0, 2_800_000, "avc1.64001f,mp4a.40.2", 1280, 720),
        RungOutput("360p", "vid/old/att1/360p/index.m3u8", 900_000, 10.0, 800_000, "avc1.64001e,mp4a.40.2", 640, 360),
    ]
    text = main_playlist(outputs, folder="vid/job")
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-STREAM-INF:BANDWIDTH=800000,AVERAGE-BANDWIDTH=720000,CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360',
        "../old/att1/360p/index.m3u8",
        '#EXT-X-STREAM-INF:BANDWIDTH=2800000,AVERAGE-BANDWIDTH=2400000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720',
        "att2/720p/index.m3u8",
    ]
    assert playlist_name(text) == playlist_name(main_playlist(outputs[::-1], folder="vid/job")) != playlist_name(text + " ")
    assert "RESOLUTION" not in main_playlist([RungOutput("audio", "v/j/a/audio/index.m3u8", 1, 0.0, 9, "mp4a.40.2")], folder="v/j")


def test_a_playlist_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "index.m3u8").write_text("#EXTM3U\n#EXTINF:6.000000,\n00000.ts\n#EXTINF:1.5,\n00001.ts\n#EXT-X-ENDLIST\n")
    assert segments(tmp_path / "index.m3u8") == ([("00000.ts", 6.0), ("00001.ts", 1.5)], True)


def test_the_codec_is_read_from_the_picture_itself() -> None:
    assert avc_codec(b"junk\x00\x00\x00\x01\x67\x64\x00\x1e...") == "avc1.64001e"
    with pytest.raises(ValueError, match="parameter set"):
        avc_codec(b"nothing of the kind")
