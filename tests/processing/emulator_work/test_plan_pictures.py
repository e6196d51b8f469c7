"""Sizes, rates and key frames of pictures, and the commands that make outputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from processing.emulator.work.command import command, from_file, from_nothing
from processing.emulator.work.picture import Picture, picture
from processing.emulator.work.plan import plan

from .jobs import captures, group, h264, ladder, output, settings, sound, source


def made(description: dict[str, Any], *, rotate: str = "DEGREE_0", segment_s: float = 0.0, **of: Any) -> Picture:
    return picture(description, source(**of), rotate=rotate, at=("x",), segment_s=segment_s)


@pytest.mark.parametrize(
    ("wanted", "of", "size"),
    [
        ({}, {"width": 320, "height": 180}, (320, 180)),
        ({}, {"width": 321, "height": 181}, (320, 180)),
        ({"Height": 90}, {"width": 320, "height": 180}, (160, 90)),
        ({"Width": 100}, {"width": 320, "height": 180}, (100, 56)),
        ({"Height": 720}, {"width": 1440, "height": 1080}, (960, 720)),
        ({"Height": 90}, {"width": 180, "height": 320}, (50, 90)),
        ({"Width": 200, "Height": 200}, {"width": 320, "height": 180}, (200, 200)),
        ({"Width": 200, "Height": 200, "ScalingBehavior": "FIT"}, {"width": 320, "height": 180}, (200, 112)),
        ({"Width": 640, "Height": 640, "ScalingBehavior": "FIT_NO_UPSCALE"}, {"width": 320, "height": 180}, (320, 180)),
    ],
)
def test_sizes_follow_the_input_where_they_are_left_out(wanted: dict[str, Any], of: dict[str, int], size: tuple[int, int]) -> None:
    found = made(h264(**wanted), **of)
    assert (found.width, found.height) == size


@pytest.mark.parametrize(
    ("behaviour", "filters"),
    [
        ("DEFAULT", ["scale=200:112:flags=bicubic", "pad=200:200:(ow-iw)/2:(oh-ih)/2"]),
        ("STRETCH_TO_OUTPUT", ["scale=200:200:flags=bicubic"]),
        ("FILL", ["scale=356:200:flags=bicubic", "crop=200:200"]),
        ("FIT", ["scale=200:112:flags=bicubic"]),
    ],
)
def test_what_does_not_fit_is_padded_stretched_or_cropped(behaviour: str, filters: list[str]) -> None:
    found = made(h264(Width=200, Height=200, ScalingBehavior=behaviour))
    assert list(found.filters) == ["fps=30/1", *filters, "setsar=1", "format=yuv420p"]


def test_an_inputs_own_rotation_counts_only_when_asked_for() -> None:
    turned = made(h264(Height=320), rotate="AUTO", rotation=90)
    assert (turned.width, turned.height, turned.ignore_rotation) == (180, 320, False)
    ignored = made(h264(Height=180), rotation=90)
    assert (ignored.width, ignored.height, ignored.ignore_rotation) == (320, 180, True)
    forced = made(h264(Height=320), rotate="DEGREES_90")
    assert (forced.width, forced.height, forced.filters[0]) == (180, 320, "transpose=clock")


def _after(options: tuple[str, ...], name: str) -> str:
    return options[options.index(name) + 1]


@pytest.mark.parametrize(("level", "fine", "crf"), [(7, 0, "23"), (10, 0, "17"), (1, 0, "35"), (7, 0.5, "22")])
def test_quality_levels_become_constant_quality_under_a_ceiling(level: int, fine: float, crf: str) -> None:
    options = made(h264(QvbrSettings={"QvbrQualityLevel": level, "QvbrQualityLevelFineTune": fine}, MaxBitrate=500_000)).options
    assert _after(options, "-crf") == crf
    assert (_after(options, "-maxrate"), _after(options, "-bufsize")) == ("500000", "1000000")


def test_constant_and_variable_rates() -> None:
    constant = made(h264(RateControlMode="CBR", Bitrate=400_000, MaxBitrate=None, QvbrSettings=None)).options
    assert [_after(constant, name) for name in ("-b:v", "-minrate", "-maxrate")] == ["400000"] * 3
    variable = made(h264(RateControlMode="VBR", Bitrate=400_000, MaxBitrate=600_000, QvbrSettings=None)).options
    assert [_after(variable, name) for name in ("-b:v", "-maxrate")] == ["400000", "600000"]


@pytest.mark.parametrize(
    ("gop", "frames"),
    [({}, "60"), ({"GopSize": 1.5, "GopSizeUnits": "SECONDS"}, "45"), ({"GopSize": 90, "GopSizeUnits": "FRAMES"}, "90"), ({"GopSizeUnits": "AUTO"}, "60")],
)
def test_groups_of_pictures(gop: dict[str, Any], frames: str) -> None:
    assert _after(made(h264(**gop)).options, "-g") == frames


def test_a_key_frame_comes_where_a_segment_begins_unless_the_group_decides() -> None:
    assert _after(made(h264(), segment_s=6).options, "-force_key_frames") == "expr:gte(t,n_forced*6)"
    wanted = ladder("s3://o/x", 90)
    wanted["OutputGroupSettings"]["HlsGroupSettings"]["SegmentLengthControl"] = "GOP_MULTIPLE"
    image = plan(settings(wanted), source())[0].outputs[0].picture
    assert image is not None
    assert "-force_key_frames" not in image.options


@pytest.mark.parametrize(("fps", "more", "rate"), [(25, {}, 25), (1000, {}, 30), (0, {}, 30)])
def test_the_rate_is_the_inputs_unless_it_is_none(fps: int, more: dict[str, Any], rate: int) -> None:
    assert made(h264(**more), fps=fps).fps == rate
    given = made(h264(FramerateControl="SPECIFIED", FramerateNumerator=30_000, FramerateDenominator=1001), fps=fps)
    assert given.fps == Fraction(30_000, 1001)


def test_captures_are_taken_at_the_start_and_then_after_each_interval() -> None:
    found = made(captures(FramerateNumerator=1, FramerateDenominator=5, MaxCaptures=2, Quality=100))
    assert "select='gte(t+0.0005,selected_n*5)'" in found.filters
    assert (_after(found.options, "-frames:v"), _after(found.options, "-q:v")) == ("2", "2")
    assert _after(made(captures(Quality=1)).options, "-q:v") == "31"


def test_a_command_reads_one_file_strictly_and_writes_plain_names() -> None:
    (hls, mp4) = plan(
        settings(ladder("s3://o/x%d", 90), group("File", "s3://o/f", output("MP4", VideoDescription=h264(), AudioDescriptions=sound()))), source()
    )
    line = command("ffmpeg", from_file(Path("/w/in"), hls.outputs[0]), hls.outputs[0], Path("/w/o"), seconds=1.5)
    assert line[line.index("-i") + 1] == "file:/w/in"
    assert "-xerror" in line
    assert line[-1] == "/w/o/list.m3u8"
    assert line[line.index("-t") + 1] == "1.500"
    assert [line[at + 1] for at, word in enumerate(line) if word == "-streamid"] == ["0:481", "1:482"]
    assert not any("%d" in word for word in line if "09d" not in word)
    assert "+faststart" in command("ffmpeg", from_file(Path("/w/in"), mp4.outputs[0]), mp4.outputs[0], Path("/w/o"))


def test_what_is_made_from_nothing_is_as_long_as_the_input_and_made_quickly() -> None:
    (hls,) = plan(settings(ladder("s3://o/x", 90)), source())
    feed = from_nothing(hls.outputs[0], width=320, height=180, seconds=3)
    line = command("ffmpeg", feed, hls.outputs[0], Path("/w/o"), quick=True)
    assert line.count("3.000") == 2
    assert line[line.index("-preset") + 1] == "ultrafast"
