"""From an order to what CreateJob is sent. Pure.

Rules of the service that its API model does not say, kept here and refused by the emulator as AWS refuses them: QVBR wants MaxBitrate and no
Bitrate; sizes are even; no two outputs write the same file; AAC has a list of bit rates; acceleration is PREFERRED or DISABLED, for ENABLED
only makes jobs fail that need not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processing.engines.base import EngineFailure, Failure, Order
from processing.ladder import Rung

from . import names

SEGMENT_SECONDS = 6
GOP_SECONDS = 2  # divides the segment, so that all rungs are cut at the same moments
LEAST_SIDE = 32  # pixels; the service takes no smaller picture
POSTER_SIDE = 1280
POSTER_AT = 0.1  # of the duration
AAC_RATE = 48_000
# For two channels of AAC-LC at a constant rate: the service's list, at the sample rate above.
AAC_BPS = (64_000, 80_000, 96_000, 112_000, 128_000, 160_000, 192_000, 224_000, 256_000, 288_000, 320_000)
SCHEMA = "1"
_SELECTOR = "Audio Selector 1"


@dataclass(frozen=True, slots=True)
class Place:
    """What all jobs of a region have in common. `outputs` is the URL of the rendition store's root, with a slash at its end; `queue` may be empty.

    Args:
        status_seconds: how often it tells of its progress; one of the service's steps.
    """

    role: str
    outputs: str
    environment: str
    queue: str = ""
    accelerated: bool = True
    status_seconds: int = 15
    priority: int = 0


def create_job(order: Order, place: Place, *, token: str) -> dict[str, Any]:
    """Return the arguments of CreateJob, the same ones every time for the same order.

    Args:
        order: its `source` is an s3:// URL that MediaConvert may read.
        token: at most 64 characters; for a minute the service takes a second request with it for the first.

    Raises:
        EngineFailure: this picture is nothing for MediaConvert.
    """
    request = {
        "ClientRequestToken": token,
        "Role": place.role,
        "Settings": {
            "TimecodeConfig": {"Source": "ZEROBASED"},
            "Inputs": [_input(order)],
            "OutputGroups": [_rung(order, rung, place) for rung in order.missing] + _poster(order, place),
        },
        "UserMetadata": {"attempt_id": order.attempt_id, "job_id": order.job_id, "env": place.environment, "schema": SCHEMA},
        "Tags": {"app": "holdfast", "env": place.environment},
        "BillingTagsSource": "JOB",
        "StatusUpdateInterval": f"SECONDS_{place.status_seconds}",
        "Priority": place.priority,
        "AccelerationSettings": {"Mode": "PREFERRED" if place.accelerated else "DISABLED"},
    }
    return request | ({"Queue": place.queue} if place.queue else {})


def _input(order: Order) -> dict[str, Any]:
    made: dict[str, Any] = {"FileInput": order.source, "TimecodeSource": "ZEROBASED"}
    if _has_sound(order):
        made["AudioSelectors"] = {_SELECTOR: {"DefaultSelection": "DEFAULT", "SelectorType": "TRACK", "Tracks": [1]}}
    if order.probe.get("video"):
        made["VideoSelector"] = {"ColorSpace": "FOLLOW", "Rotate": "AUTO"}  # a phone's picture is turned as its owner held it
    if order.salvage:
        made["PsiControl"] = "IGNORE_PSI"  # look for the streams themselves where the tables may be damaged
    return made


def _rung(order: Order, rung: Rung, place: Place) -> dict[str, Any]:
    """Return a rung's own group: a folder of its own, and its files can be told from all others by their names alone."""
    output: dict[str, Any] = {"NameModifier": names.modifier(rung), "ContainerSettings": {"Container": "M3U8", "M3u8Settings": {}}}
    if rung.is_audio:
        output["OutputSettings"] = {"HlsSettings": {"AudioOnlyContainer": "M2TS"}}
    else:
        output["VideoDescription"] = _picture(rung)
    if _has_sound(order):
        output["AudioDescriptions"] = [_sound(rung)]
    hls = {
        "Destination": place.outputs + names.rung_base(order.prefix, rung),
        "SegmentLength": SEGMENT_SECONDS,
        "SegmentLengthControl": "GOP_MULTIPLE",
        "MinSegmentLength": 0,
        "SegmentControl": "SEGMENTED_FILES",
        "DirectoryStructure": "SINGLE_DIRECTORY",
        "ManifestDurationFormat": "FLOATING_POINT",
        "OutputSelection": "MANIFESTS_AND_SEGMENTS",
        "CodecSpecification": "RFC_6381",
    }
    return {"Name": rung.name, "OutputGroupSettings": {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": hls}, "Outputs": [output]}


def _picture(rung: Rung) -> dict[str, Any]:
    if min(rung.width, rung.height) < LEAST_SIDE:
        words = f"a picture of {rung.width}x{rung.height} is smaller than {LEAST_SIDE} pixels"
        raise EngineFailure(Failure("mediaconvert", "1030", words))  # an engine that takes it may be next
    return {
        "Width": rung.width,
        "Height": rung.height,
        "ScalingBehavior": "STRETCH_TO_OUTPUT",  # the sizes have the picture's own shape, but for rounding: no black line for that
        "CodecSettings": {"Codec": "H_264", "H264Settings": _h264(rung)},
    }


def _h264(rung: Rung) -> dict[str, Any]:
    return {
        "RateControlMode": "QVBR",
        "MaxBitrate": rung.video_bps,
        "HrdBufferSize": 2 * rung.video_bps,
        "QvbrSettings": {"QvbrQualityLevel": 7 if rung.video_bps < 2_000_000 else 8},
        "QualityTuningLevel": "SINGLE_PASS_HQ",
        "CodecProfile": "HIGH",
        "CodecLevel": "AUTO",
        "InterlaceMode": "PROGRESSIVE",
        "GopSize": float(GOP_SECONDS),
        "GopSizeUnits": "SECONDS",
        "GopClosedCadence": 1,
        "SceneChangeDetect": "DISABLED",  # a group of pictures never begins where other rungs have none
        **_frame_rate(rung),
    }


def _frame_rate(rung: Rung) -> dict[str, Any]:
    if not rung.fps_cap:
        return {"FramerateControl": "INITIALIZE_FROM_SOURCE"}
    return {
        "FramerateControl": "SPECIFIED",
        "FramerateNumerator": round(rung.fps_cap * 1000),
        "FramerateDenominator": 1000,
        "FramerateConversionAlgorithm": "DUPLICATE_DROP",
    }


def _sound(rung: Rung) -> dict[str, Any]:
    return {
        "AudioSourceName": _SELECTOR,
        "CodecSettings": {
            "Codec": "AAC",
            "AacSettings": {
                "CodecProfile": "LC",
                "RateControlMode": "CBR",
                "CodingMode": "CODING_MODE_2_0",
                "SampleRate": AAC_RATE,
                "Bitrate": aac_bps(rung.audio_bps),
            },
        },
    }


def aac_bps(wanted: int) -> int:
    """Return the rate of the service's list that is nearest to a wished one, in bits per second."""
    return min(AAC_BPS, key=lambda bps: (abs(bps - wanted), bps))


def _poster(order: Order, place: Place) -> list[dict[str, Any]]:
    """Grab the first picture and one a little way in, which is the poster if there is one."""
    pictures = [rung for rung in order.missing if not rung.is_audio]
    if not order.needs_poster or not pictures:
        return []
    capture = {"FramerateNumerator": 1, "FramerateDenominator": poster_seconds(order.probe), "MaxCaptures": names.CAPTURES, "Quality": 80}
    width, height = poster_size(pictures[-1])
    output = {
        "ContainerSettings": {"Container": "RAW"},
        "VideoDescription": {
            "Width": width,
            "Height": height,
            "ScalingBehavior": "STRETCH_TO_OUTPUT",
            "CodecSettings": {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": capture},
        },
    }
    group = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": place.outputs + names.poster_base(order.prefix)}}
    return [{"Name": names.POSTER, "OutputGroupSettings": group, "Outputs": [output]}]


def poster_size(largest: Rung) -> tuple[int, int]:
    """Return an even size of the largest rung's shape with at most POSTER_SIDE pixels on a side."""
    share = min(1.0, POSTER_SIDE / max(largest.width, largest.height))
    width, height = (max(LEAST_SIDE, round(side * share / 2) * 2) for side in (largest.width, largest.height))
    return width, height


def poster_seconds(probe: Mapping[str, Any]) -> int:
    """Return after how many seconds the second picture is grabbed."""
    return max(1, math.floor(float(probe.get("duration_s") or 0) * POSTER_AT))


def _has_sound(order: Order) -> bool:
    return bool(order.probe.get("audio"))
