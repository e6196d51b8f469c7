"""Rules of video outputs: sizes, H.264 with its rate control, profiles and levels, and frame capture."""

from __future__ import annotations

import math

from .place import Place

_MOST = {"H_264": (4096, 2160), "H_265": (8192, 4320), "AV1": (4096, 2160), "VP8": (4096, 2160), "VP9": (4096, 2160), "PRORES": (4096, 4096)}
# H.264, table A-1: macroblocks of a frame, kbit/s (to be multiplied by the profile's factor).
_LEVELS = {
    "LEVEL_1": (99, 64),
    "LEVEL_1_1": (396, 192),
    "LEVEL_1_2": (396, 384),
    "LEVEL_1_3": (396, 768),
    "LEVEL_2": (396, 2_000),
    "LEVEL_2_1": (792, 4_000),
    "LEVEL_2_2": (1_620, 4_000),
    "LEVEL_3": (1_620, 10_000),
    "LEVEL_3_1": (3_600, 14_000),
    "LEVEL_3_2": (5_120, 20_000),
    "LEVEL_4": (8_192, 20_000),
    "LEVEL_4_1": (8_192, 50_000),
    "LEVEL_4_2": (8_704, 50_000),
    "LEVEL_5": (22_080, 135_000),
    "LEVEL_5_1": (36_864, 240_000),
    "LEVEL_5_2": (36_864, 240_000),
}
_FACTORS = {"BASELINE": 1_200, "MAIN": 1_200, "HIGH": 1_500, "HIGH_10BIT": 3_600, "HIGH_422": 4_800, "HIGH_422_10BIT": 4_800}  # bit/s for each kbit/s
_BLOCK = 16  # pixels of a macroblock's side
_RATE_CONTROL = (  # [O]
    "Your job contains values for the following settings that are incompatible: Rate control mode, Bitrate, and Max bitrate. Adjust your settings and "
    "resubmit your job. Some valid combinations of settings are these: Set Rate control mode to QVBR, specify a value for Max bitrate, and don't specify "
    "a value for Bitrate. Or, set Rate control mode to CBR, specify a value for Bitrate, and don't specify a value for Max bitrate."
)


def check_video(output: Place) -> None:
    """Check an output's VideoDescription."""
    video = output.at("VideoDescription")
    video.need("CodecSettings")
    video.even("Width", "Height")
    for name in ("Crop", "Position"):
        video.at(name).even("X", "Y", "Width", "Height")
    codec = video.at("CodecSettings")
    if "CodecSettings" not in video:
        return
    codec.one_of("Codec")
    _size(video, codec.get("Codec", ""))
    if "H264Settings" in codec:
        _h264(codec.at("H264Settings"), video)
    if codec.get("Codec") == "FRAME_CAPTURE":
        _frame_capture(output)


def _size(video: Place, codec: str) -> None:
    """[S] User guide, "Maximum supported output resolutions": either way round."""
    long, short = _MOST.get(codec, (8192, 8192))
    width, height = video.get("Width", 0), video.get("Height", 0)
    for name, size, other in (("Width", width, height), ("Height", height, width)):
        most = long if other <= short else short
        if size > most:
            video.say(f"Should be less than or equal to {most}", name)


def _h264(h264: Place, video: Place) -> None:
    _rate_control(h264)
    _companions(h264)
    if h264.get("CodecProfile") == "BASELINE" and h264.get("EntropyEncoding") != "CAVLC":  # [O]
        h264.say("Must be CAVLC", "EntropyEncoding")
    if (level := _LEVELS.get(h264.get("CodecLevel", "AUTO"))) is not None:
        _level(h264, video, *level)


def _rate_control(h264: Place) -> None:
    """[O] QVBR has a maximum and no bitrate, CBR a bitrate and no maximum; [S] VBR has both, the bitrate at least."""
    mode = h264.get("RateControlMode")
    h264.need("RateControlMode")
    has = ("Bitrate" in h264, "MaxBitrate" in h264)
    allowed = {"QVBR": [(False, True)], "CBR": [(True, False)], "VBR": [(True, True), (True, False)], None: [has]}
    if has not in allowed[mode]:
        h264.say(_RATE_CONTROL)
    if mode != "QVBR" and "QvbrSettings" in h264:
        h264.say("Should not be there unless rateControlMode is QVBR", "QvbrSettings")
    if mode == "VBR" and h264.get("MaxBitrate", math.inf) < h264.get("Bitrate", 0):
        h264.say(f"Should be greater than or equal to {h264.get('Bitrate')}", "MaxBitrate")
    if h264.at("QvbrSettings").get("MaxAverageBitrate", 0) > h264.get("MaxBitrate", math.inf):
        h264.at("QvbrSettings").say(f"Should be less than or equal to {h264.get('MaxBitrate')}", "MaxAverageBitrate")


def _companions(h264: Place) -> None:
    """[S] Settings that others make necessary."""
    if h264.get("FramerateControl") == "SPECIFIED":
        h264.need("FramerateNumerator", "FramerateDenominator")
    if h264.get("ParControl") == "SPECIFIED":
        h264.need("ParNumerator", "ParDenominator")
    if h264.get("GopSizeUnits") == "AUTO" and "GopSize" in h264:
        h264.say("Should not be there when gopSizeUnits is AUTO", "GopSize")
    if h264.get("GopSizeUnits") in ("FRAMES", "SECONDS") and h264.get("GopSize", 1) <= 0:
        h264.say("Should be greater than 0", "GopSize")
    if "AdaptiveQuantization" in h264 and h264.get("AdaptiveQuantization") == "AUTO":
        for name in ("FlickerAdaptiveQuantization", "SpatialAdaptiveQuantization", "TemporalAdaptiveQuantization"):
            if name in h264:
                h264.say("Should not be there when adaptiveQuantization is AUTO", name)


def _level(h264: Place, video: Place, blocks: int, kilobits: int) -> None:
    """[O] What a level allows: width by the macroblocks of a frame (H.264, A.3.1), the maximum bitrate by the profile."""
    widest = int(math.sqrt(8 * blocks))
    if height := video.get("Height"):
        widest = min(widest, blocks // math.ceil(height / _BLOCK))
    if video.get("Width", 0) > widest * _BLOCK:
        video.say(f"Should be less than or equal to {widest * _BLOCK}", "Width")
    most = kilobits * _FACTORS[h264.get("CodecProfile", "MAIN")]
    for name in ("MaxBitrate", "Bitrate"):
        if h264.get(name, 0) > most:
            h264.say(f"Should be less than or equal to {most}", name)


def _frame_capture(output: Place) -> None:
    """[S] Frame capture makes files without a container, and no sound."""
    container = output.at("ContainerSettings")
    if container.get("Container") not in (None, "RAW"):
        container.say("Must be RAW for codec FRAME_CAPTURE", "Container")
    if output.get("AudioDescriptions"):
        output.say("Should not be there in a frame capture output", "AudioDescriptions")
