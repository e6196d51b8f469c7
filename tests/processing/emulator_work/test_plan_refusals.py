"""What is not made is refused by name with 1040, never ignored."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from processing.emulator.work.codes import JobError
from processing.emulator.work.plan import plan, wants
from processing.emulator.work.source import Track, check_codecs
from processing.emulator.work.supported import check

from .console import from_console
from .jobs import captures, group, h264, ladder, output, settings, sound, source


def everything() -> dict[str, Any]:
    return settings(
        ladder("s3://out/x/index", 90, 180),
        group("Cmaf", "s3://out/c/index", output("CMFC", "_v", VideoDescription=h264()), output("CMFC", "_a", AudioDescriptions=sound())),
        group("File", "s3://out/f/", output("MP4", "_x", VideoDescription=h264()), output("RAW", "_p", VideoDescription=captures())),
    )


def test_all_that_is_made_here_passes() -> None:
    check(everything())
    assert len(plan(everything(), source())) == 3
    assert wants(everything()) == (True, True)


def _set(document: Any, path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for part in parents:
        document = document[int(part)] if isinstance(document, list) else document.setdefault(part, {})
    document[last] = value


VIDEO = "OutputGroups/0/Outputs/0/VideoDescription"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("NielsenConfiguration", {"BreakoutCode": 0}, "/nielsenConfiguration"),
        ("Inputs/0/CaptionSelectors", {"a": {}}, "/inputs/0/captionSelectors"),
        ("Inputs/0/InputClippings", [{"StartTimecode": "00:00:01:00"}], "/inputs/0/inputClippings"),
        ("Inputs/0/AudioSelectors/Audio Selector 1/Offset", 200, "/inputs/0/audioSelectors/Audio Selector 1/offset: 200"),
        ("OutputGroups/0/OutputGroupSettings/HlsGroupSettings/Encryption", {}, "/outputGroups/0/outputGroupSettings/hlsGroupSettings/encryption"),
        ("OutputGroups/0/OutputGroupSettings/HlsGroupSettings/SegmentControl", "SINGLE_FILE", "segmentControl: SINGLE_FILE"),
        ("OutputGroups/0/OutputGroupSettings/HlsGroupSettings/AdMarkers", ["ELEMENTAL"], "adMarkers/0: ELEMENTAL"),
        ("OutputGroups/0/OutputGroupSettings/Type", "DASH_ISO_GROUP_SETTINGS", "type: DASH_ISO_GROUP_SETTINGS"),
        ("OutputGroups/0/Outputs/0/CaptionDescriptions", [{}], "/outputGroups/0/outputs/0/captionDescriptions"),
        ("OutputGroups/0/Outputs/0/Preset", "mine", "/outputGroups/0/outputs/0/preset"),
        (f"{VIDEO}/CodecSettings/Codec", "H_265", "/videoDescription/codecSettings/codec: H_265"),
        (f"{VIDEO}/CodecSettings/H264Settings/InterlaceMode", "TOP_FIELD", "interlaceMode: TOP_FIELD"),
        (f"{VIDEO}/CodecSettings/H264Settings/QvbrSettings/MaxAverageBitrate", 1000, "maxAverageBitrate: 1000"),
        (f"{VIDEO}/VideoPreprocessors", {"NoiseReducer": {}}, "videoPreprocessors/noiseReducer"),
        (f"{VIDEO}/ScalingBehavior", "SMART_CROP", "scalingBehavior: SMART_CROP"),
        ("OutputGroups/0/Outputs/0/ContainerSettings/Container", "MXF", "container: MXF"),
        ("OutputGroups/1/Outputs/1/AudioDescriptions", [{"CodecSettings": {"Codec": "EAC3"}}], "/audioDescriptions/0/codecSettings/codec: EAC3"),
        ("OutputGroups/1/Outputs/1/AudioDescriptions", [{"AudioNormalizationSettings": {}}], "audioNormalizationSettings"),
    ],
)
def test_what_is_not_made_is_named(path: str, value: Any, named: str) -> None:
    wanted = copy.deepcopy(everything())
    _set(wanted, path, value)
    with pytest.raises(JobError) as refused:
        check(wanted)
    assert refused.value.code == 1040
    assert named in refused.value.message
    assert "not supported by the emulator" in refused.value.message


def test_what_the_services_console_writes_is_taken() -> None:
    wanted = from_console()
    check(wanted)
    found = plan(wanted, source())[0].outputs[0].picture
    assert found is not None
    assert found.filters[0] == "yadif=deint=interlaced"


def test_every_setting_that_is_not_made_is_named_up_to_a_few() -> None:
    wanted = everything() | {f"Unknown{number}": 1 for number in range(7)}
    with pytest.raises(JobError, match="and 2 more") as refused:
        check(wanted)
    assert refused.value.message.count("not supported by the emulator") == 5


def test_a_second_input_is_refused() -> None:
    wanted = everything()
    wanted["Inputs"].append({"FileInput": "s3://in/second.mp4"})
    with pytest.raises(JobError, match="/inputs/1: more than one input"):
        check(wanted)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (group("Hls", "s3://o/x", output("MP4", VideoDescription=h264())), "container: MP4 does not go"),
        (group("File", "s3://o/x", output("M3U8", VideoDescription=h264())), "container: M3U8 does not go"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=captures())), "container: M3U8 does not go"),
        (group("File", "s3://o/x", output("RAW", VideoDescription=h264())), "container: RAW does not go"),
        (group("Cmaf", "s3://o/x", output("CMFC", VideoDescription=h264(), AudioDescriptions=sound())), "either video or audio"),
        (group("Cmaf", "s3://o/x", output("CMFC", VideoDescription=h264()), FragmentLength=1), "fragmentLength: other than"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(), AudioDescriptions=sound() + sound())), "/audioDescriptions/1"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(Width=101, Height=50))), "/videoDescription/width: .*even"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(Width=100, Height=51))), "/videoDescription/height: .*even"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(MaxBitrate=None))), "QVBR needs MaxBitrate"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(Bitrate=1000))), "QVBR needs MaxBitrate and no Bitrate"),
        (group("Hls", "s3://o/x", output("M3U8", VideoDescription=h264(RateControlMode="CBR"))), "CBR needs Bitrate"),
        (group("Hls", "s3://o/x", output("M3U8", AudioDescriptions=[sound()[0] | {"AudioSourceName": "other"}])), "Invalid selector_sequence_id"),
    ],
)
def test_settings_that_do_not_go_together_are_1040(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(JobError, match=words) as refused:
        plan(settings(wanted), source())
    assert refused.value.code == 1040


def test_sound_that_is_not_there_is_left_out_beside_a_picture_and_an_error_alone() -> None:
    groups = plan(settings(ladder("s3://o/x", 90)), source(sounds=0))
    assert groups[0].outputs[0].sound is None
    with pytest.raises(JobError, match="No audio frames decoded") as refused:
        plan(settings(group("Hls", "s3://o/x", output("M3U8", AudioDescriptions=sound()))), source(sounds=0))
    assert refused.value.code == 1021


def test_a_chosen_track_is_counted_from_one() -> None:
    wanted = settings(ladder("s3://o/x", 90), AudioSelectors={"Audio Selector 1": {"Tracks": [2]}})
    found = plan(wanted, source(sounds=2))[0].outputs[0].sound
    assert found is not None
    assert found.track == 1


@pytest.mark.parametrize(
    ("tracks", "video", "audio", "code"),
    [
        (source(width=0), True, True, 1020),
        (source(raw={"decoded": False}), True, True, 1020),
        (source(sounds=0), False, True, 1021),
        (source(), True, True, None),
        (source(sounds=0), True, True, None),
    ],
)
def test_tracks_that_are_missing_have_their_codes(tracks: Any, video: bool, audio: bool, code: int | None) -> None:
    if code is None:
        check_codecs(tracks, wants_video=video, wants_audio=audio)
        return
    with pytest.raises(JobError) as refused:
        check_codecs(tracks, wants_video=video, wants_audio=audio)
    assert refused.value.code == code


def test_a_sound_that_nobody_wants_may_have_any_codec() -> None:
    odd = replace(source(), sounds=(Track(1, "audio", "adpcm_ms", {}),))
    check_codecs(odd, wants_video=True, wants_audio=False)
    with pytest.raises(JobError, match=r"Audio codec \[adpcm_ms\]"):
        check_codecs(odd, wants_video=True, wants_audio=True)
