"""What the service refuses beyond its model, by boto3."""

from __future__ import annotations

from typing import Any

import pytest

from processing.emulator.errors import ApiError
from processing.emulator.rules import check_job

from .api import INPUT, Api, job, refusal, settings

OUT = "/outputGroups/0/outputs/0"
VIDEO, CODEC = f"{OUT}/videoDescription", f"{OUT}/videoDescription/codecSettings"
H264 = f"{CODEC}/h264Settings"
AUDIO = f"{OUT}/audioDescriptions/0"
AAC = f"{AUDIO}/codecSettings/aacSettings"
RATES = "Your job contains values for the following settings that are incompatible: Rate control mode, Bitrate, and Max bitrate."


def h264(width: int = 320, height: int = 180, **values: Any) -> dict[str, Any]:
    """Settings whose video has these values; None takes a member away."""
    own = {"RateControlMode": "QVBR", "MaxBitrate": 500_000} | values
    codec = {"Codec": "H_264", "H264Settings": {name: value for name, value in own.items() if value is not None}}
    return settings(VideoDescription={"Width": width, "Height": height, "CodecSettings": codec})


def video(**values: Any) -> dict[str, Any]:
    found = settings()["OutputGroups"][0]["Outputs"][0]["VideoDescription"]
    return settings(VideoDescription=found | values)


def aac(**values: Any) -> dict[str, Any]:
    own = {"CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000, "Bitrate": 96_000} | values
    codec = {"Codec": "AAC", "AacSettings": {name: value for name, value in own.items() if value is not None}}
    return settings(AudioDescriptions=[{"AudioSourceName": "Audio Selector 1", "CodecSettings": codec}])


def group(outputs: list[dict[str, Any]] | None = None, **values: Any) -> dict[str, Any]:
    whole = settings()
    own = whole["OutputGroups"][0]["OutputGroupSettings"]["HlsGroupSettings"] | values
    found = {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": {name: value for name, value in own.items() if value is not None}}
    whole["OutputGroups"] = [{"OutputGroupSettings": found, "Outputs": whole["OutputGroups"][0]["Outputs"] if outputs is None else outputs}]
    return whole


def typed(kind: str | None, **own: Any) -> dict[str, Any]:
    whole = settings()
    whole["OutputGroups"][0]["OutputGroupSettings"] = ({"Type": kind} if kind else {}) | own
    return whole


def cmaf(*outputs: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Settings of a CMAF group of outputs that were made for HLS."""
    own = {"Destination": "s3://bucket/index", "SegmentLength": 6, "FragmentLength": 2} | values
    found = {"Type": "CMAF_GROUP_SETTINGS", "CmafGroupSettings": {name: value for name, value in own.items() if value is not None}}
    return group() | {"OutputGroups": [{"OutputGroupSettings": found, "Outputs": [one | {"ContainerSettings": {"Container": "CMFC"}} for one in outputs]}]}


def pictures(container: str = "RAW", **more: Any) -> dict[str, Any]:
    """Settings with a group of frames captured, besides the usual one."""
    capture = {"FramerateNumerator": 1, "FramerateDenominator": 5, "MaxCaptures": 2, "Quality": 80}
    codec = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": capture}
    output = {"ContainerSettings": {"Container": container}, "VideoDescription": {"CodecSettings": codec}} | more
    own = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://bucket/posters/poster"}}
    return settings() | {"OutputGroups": [*settings()["OutputGroups"], {"OutputGroupSettings": own, "Outputs": [output]}]}


def output() -> dict[str, Any]:
    found: dict[str, Any] = settings()["OutputGroups"][0]["Outputs"][0]
    return found


def inputs(*found: dict[str, Any]) -> dict[str, Any]:
    return settings() | {"Inputs": list(found)}


REFUSED = {
    "no input": (inputs(), "/inputs: Should have at least 1 items"),
    "input of nothing": (inputs({"AudioSelectors": {"Audio Selector 1": {}}}), "/inputs/0: fileInput is a required property"),
    "input and generator": (inputs({"FileInput": INPUT, "VideoGenerator": {}, "AudioSelectors": {"Audio Selector 1": {}}}), "/inputs/0: You can specify"),
    "odd crop of an input": (inputs({"FileInput": INPUT, "Crop": {"X": 1, "Y": 0, "Width": 2, "Height": 2}}), "/inputs/0/crop/x: Should be a multiple of 2"),
    "a clip of nothing": (inputs({"FileInput": INPUT, "InputClippings": [{}]}), "/inputs/0/inputClippings/0: Should have at least 1 properties"),
    "no timecode to start at": (inputs({"FileInput": INPUT, "TimecodeSource": "SPECIFIEDSTART"}), "/inputs/0: timecodeStart is a required property"),
    "preset and container": (group([{**output(), "Preset": "p"}]), f"{OUT}: You can specify either Preset or Container settings, but not both"),
    "no settings of the sound": (settings(AudioDescriptions=[{}]), f"{AUDIO}: codecSettings is a required property"),
    "two languages": (
        settings(AudioDescriptions=[{**output()["AudioDescriptions"][0], "LanguageCode": "ENG", "CustomLanguageCode": "en-x"}]),
        f"{AUDIO}/languageCode: Should not be there together with customLanguageCode",
    ),
    "no group": (settings() | {"OutputGroups": []}, "/outputGroups: Should have at least 1 items"),
    "no output": (group([]), "/outputGroups/0/outputs: Should have at least 1 items"),
    "no type of group": (typed(None, HlsGroupSettings={}), "/outputGroups/0/outputGroupSettings: type is a required property"),
    "no settings of a group": (typed("HLS_GROUP_SETTINGS"), "/outputGroups/0/outputGroupSettings: Should have at least 2 properties"),
    "settings of another group": (typed("HLS_GROUP_SETTINGS", FileGroupSettings={}), "type: Must match fileGroupSettings"),
    "two settings of a group": (typed("HLS_GROUP_SETTINGS", FileGroupSettings={}, HlsGroupSettings={}), "Should have at most 2 properties"),
    "no destination": (group(Destination=None), "/outputGroups/0/outputGroupSettings/hlsGroupSettings: destination is a required property"),
    "no segment length": (group(SegmentLength=None), "/hlsGroupSettings: segmentLength is a required property"),
    "no least segment length": (group(MinSegmentLength=None), "/hlsGroupSettings: minSegmentLength is a required property"),
    "a destination without a bucket": (group(Destination="s3:///index"), "/hlsGroupSettings/destination: Should be s3://, the name of a bucket"),
    "CMAF with picture and sound in one": (cmaf(output()), f"{OUT}: May only contain a single video, audio, or caption output"),
    "no fragment length": (cmaf(output(), FragmentLength=None), "/cmafGroupSettings: fragmentLength is a required property"),
    "no container": (group([{**output(), "ContainerSettings": {}}]), f"{OUT}/containerSettings: container is a required property"),
    "no container settings": (group([{k: v for k, v in output().items() if k != "ContainerSettings"}]), f"{OUT}: containerSettings is a required property"),
    "a container of another group": (settings(ContainerSettings={"Container": "MP4"}), f"{OUT}/containerSettings/container: Must be M3U8"),
    "no name modifier": (group([{k: v for k, v in output().items() if k != "NameModifier"}]), f"{OUT}: nameModifier is a required property"),
    "the same name modifier": (group([output(), output()]), f"{OUT}/nameModifier: Should be unique within /outputGroups/0/outputs"),
    "an output of nothing": (group([{"NameModifier": "_x", "ContainerSettings": {"Container": "M3U8"}}]), f"{OUT}: Should have at least one of"),
    "odd width": (video(Width=321), f"{VIDEO}/width: Should be a multiple of 2"),
    "odd height": (video(Height=181), f"{VIDEO}/height: Should be a multiple of 2"),
    "odd position": (video(Position={"X": 3, "Y": 0, "Width": 100, "Height": 100}), f"{VIDEO}/position/x: Should be a multiple of 2"),
    "too wide for H.264": (h264(4098, 2160), f"{VIDEO}/width: Should be less than or equal to 4096"),
    "too high for H.264": (h264(3840, 2200), f"{VIDEO}/width: Should be less than or equal to 2160"),
    "no codec": (video(CodecSettings={"H264Settings": {}}), f"{CODEC}: codec is a required property"),
    "no settings of the codec": (video(CodecSettings={"Codec": "H_264"}), f"{CODEC}: Should have at least 2 properties"),
    "settings of another codec": (
        video(CodecSettings={"Codec": "H_265", "H264Settings": {"RateControlMode": "CBR", "Bitrate": 5_000}}),
        f"{H264}: Should match all dependencies: See other errors for more details",
    ),
    "no codec settings": (video(CodecSettings={}), f"{CODEC}: codec is a required property"),
    "no rate control": (h264(RateControlMode=None), f"{H264}: rateControlMode is a required property"),
    "QVBR without a maximum": (h264(MaxBitrate=None), f"{H264}: {RATES}"),
    "QVBR with a bitrate": (h264(Bitrate=400_000), f"{H264}: {RATES}"),
    "CBR with a maximum": (h264(RateControlMode="CBR", Bitrate=400_000), f"{H264}: {RATES}"),
    "CBR without a bitrate": (h264(RateControlMode="CBR", MaxBitrate=None), f"{H264}: {RATES}"),
    "VBR without a bitrate": (h264(RateControlMode="VBR"), f"{H264}: {RATES}"),
    "VBR above its maximum": (h264(RateControlMode="VBR", Bitrate=600_000), f"{H264}/maxBitrate: Should be greater than or equal to 600000"),
    "QVBR's settings for CBR": (h264(RateControlMode="CBR", Bitrate=1_000, MaxBitrate=None, QvbrSettings={}), f"{H264}/qvbrSettings: Should not be there"),
    "an average above the maximum": (h264(QvbrSettings={"MaxAverageBitrate": 600_000}), "maxAverageBitrate: Should be less than or equal to 500000"),
    "a frame rate that is not said": (h264(FramerateControl="SPECIFIED", FramerateNumerator=30), f"{H264}: framerateDenominator is a required property"),
    "an aspect that is not said": (h264(ParControl="SPECIFIED"), f"{H264}: parNumerator is a required property"),
    "a GOP size and AUTO": (h264(GopSizeUnits="AUTO", GopSize=2.0), f"{H264}/gopSize: Should not be there when gopSizeUnits is AUTO"),
    "a GOP of nothing": (h264(GopSizeUnits="SECONDS", GopSize=0.0), f"{H264}/gopSize: Should be greater than 0"),
    "quantization and AUTO": (h264(AdaptiveQuantization="AUTO", SpatialAdaptiveQuantization="ENABLED"), f"{H264}/spatialAdaptiveQuantization: Should not"),
    "BASELINE with CABAC": (h264(CodecProfile="BASELINE", EntropyEncoding="CABAC"), f"{H264}/entropyEncoding: Must be CAVLC"),
    "BASELINE without CAVLC": (h264(CodecProfile="BASELINE"), f"{H264}/entropyEncoding: Must be CAVLC"),
    # published answers of the service: level 3 and its 1,620 macroblocks, and level 3.1 with 14 Mbit/s
    "too wide for its level": (h264(1920, 64, CodecLevel="LEVEL_3"), f"{VIDEO}/width: Should be less than or equal to 1808"),
    "too wide for level and height": (h264(768, 576, CodecLevel="LEVEL_3"), f"{VIDEO}/width: Should be less than or equal to 720"),
    "too wide for level and 720 lines": (h264(640, 720, CodecLevel="LEVEL_3"), f"{VIDEO}/width: Should be less than or equal to 576"),
    "too fast for its level": (
        h264(MaxBitrate=16_800_001, CodecLevel="LEVEL_3_1", CodecProfile="MAIN"),
        f"{H264}/maxBitrate: Should be less than or equal to 16800000",
    ),
    "no sample rate": (aac(SampleRate=None), f"{AAC}: sampleRate is a required property"),
    "no coding mode": (aac(CodingMode=None), f"{AAC}: codingMode is a required property"),
    "a sample rate between": (aac(SampleRate=44_000), f"{AAC}/sampleRate: Should be one of"),
    "a bitrate between": (aac(Bitrate=100_000), f"{AAC}/bitrate: Should be one of"),
    "a bitrate too low for stereo": (
        aac(Bitrate=56_000),
        "Sample rate 48000 you selected. Specify a bitrate in the range of 64000-576000, and resubmit your job",
    ),
    "a bitrate too high for 44.1 kHz": (aac(Bitrate=576_000, SampleRate=44_100), "Specify a bitrate in the range of 64000-512000"),
    "a bitrate with VBR": (aac(RateControlMode="VBR"), f"{AAC}/bitrate: Should not be there when rateControlMode is VBR"),
    "a quality with CBR": (aac(VbrQuality="HIGH"), f"{AAC}/vbrQuality: Should not be there unless rateControlMode is VBR"),
    "mono by HEV2": (aac(CodecProfile="HEV2", CodingMode="CODING_MODE_1_0"), f"{AAC}/codingMode: Must be CODING_MODE_2_0"),
    "no audio codec": (settings(AudioDescriptions=[{"CodecSettings": {"AacSettings": {}}}]), f"{AUDIO}/codecSettings: codec is a required property"),
    "a selector that is not there": (settings() | {"Inputs": [{"FileInput": INPUT}]}, f"{AUDIO}/audioSourceName: Should be the name of an audio selector"),
    "frames in a container": (pictures("MP4"), "/outputGroups/1/outputs/0/containerSettings/container: Must be RAW for codec FRAME_CAPTURE"),
    "frames with sound": (pictures(AudioDescriptions=output()["AudioDescriptions"]), "audioDescriptions: Should not be there in a frame capture output"),
    "frames alone": ({**pictures(), "OutputGroups": pictures()["OutputGroups"][1:]}, "/outputGroups: A job with frame capture outputs needs"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_settings_that_the_service_refuses_are_refused(api: Api, name: str) -> None:
    wrong, words = REFUSED[name]
    status, code, message = refusal(api.client().create_job, **job(Settings=wrong))
    assert (status, code) == (400, "BadRequestException")
    assert words in message
    assert api.journal("job_created") == []


@pytest.mark.parametrize("role", ["", "x", "arn:aws:iam::12345:role/a", "arn:aws:iam::123456789012:user/a", "arn:aws:iam::123456789012:role/"])
def test_a_role_is_an_arn_of_a_role(api: Api, role: str) -> None:
    assert refusal(api.client().create_job, **job(Role=role))[2].startswith("/role: Should be the ARN of an IAM role")


@pytest.mark.parametrize("token", ["x" * 65, "ä"])
def test_a_token_has_at_most_64_characters_of_ascii(api: Api, token: str) -> None:
    assert refusal(api.client().create_job, **job(ClientRequestToken=token))[2].startswith("/clientRequestToken: ")


PICTURE = {name: value for name, value in output().items() if name != "AudioDescriptions"}
SOUND = {name: value for name, value in output().items() if name != "VideoDescription"} | {"NameModifier": "_sound"}
TAKEN = {
    "CMAF": cmaf(PICTURE, SOUND),
    "the usual": settings(),
    "pictures": pictures(),
    "CBR": h264(RateControlMode="CBR", Bitrate=400_000, MaxBitrate=None),
    "VBR": h264(RateControlMode="VBR", Bitrate=400_000),
    "BASELINE": h264(CodecProfile="BASELINE", EntropyEncoding="CAVLC"),
    "upright 4K": h264(2160, 3840),
    "level 3": h264(720, 576, CodecLevel="LEVEL_3"),
    "mono": aac(CodingMode="CODING_MODE_1_0"),
    "VBR sound": aac(RateControlMode="VBR", Bitrate=None, VbrQuality="HIGH"),
    "two outputs": group([output(), {**output(), "NameModifier": "_2"}]),
}


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_settings_that_the_service_takes_are_taken(name: str) -> None:
    check_job(job(Settings=TAKEN[name]))


NOT_EMULATED: dict[str, dict[str, Any]] = {
    "/hopDestinations": {"HopDestinations": [{"WaitMinutes": 1, "Queue": "Default"}]},
    "/jobTemplate": {"JobTemplate": "t"},
    "/elementalInferenceSettings": {"ElementalInferenceSettings": {"FeedAction": "x"}},
    "/outputGroups/0/automatedEncodingSettings": {
        "Settings": settings() | {"OutputGroups": [settings()["OutputGroups"][0] | {"AutomatedEncodingSettings": {}}]}
    },
    "/outputGroups/0/outputs/0/preset": {"Settings": group([{"NameModifier": "_x", "Preset": "System-Generic"}])},
}


@pytest.mark.parametrize("name", sorted(NOT_EMULATED))
def test_what_would_be_ignored_is_refused_by_name(name: str) -> None:
    with pytest.raises(ApiError, match=f"{name}: not supported by the emulator") as refused:
        check_job(job(**NOT_EMULATED[name]))
    assert (refused.value.status, refused.value.name) == (501, "NotImplementedException")
