"""The settings this emulator makes. What is not in this list, or has another value than the ones it names, is refused by name: never ignored. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .codes import JobError
from .names import pointer

ANY = object()  # every value the API takes is made
EACH = "*"  # of a map: any key
NAMED_AT_MOST = 5

_H264: dict[str, Any] = {
    "AdaptiveQuantization": ANY,
    "Bitrate": ANY,
    "CodecLevel": ANY,
    "CodecProfile": ("BASELINE", "MAIN", "HIGH"),
    "DynamicSubGop": ("STATIC",),
    "EntropyEncoding": ANY,
    "FieldEncoding": ("PAFF",),
    "FlickerAdaptiveQuantization": ("DISABLED",),
    "FramerateControl": ANY,
    "FramerateConversionAlgorithm": ("DUPLICATE_DROP",),
    "FramerateDenominator": ANY,
    "FramerateNumerator": ANY,
    "GopBReference": ANY,
    "GopClosedCadence": (1,),
    "GopSize": ANY,
    "GopSizeUnits": ANY,
    "HrdBufferInitialFillPercentage": (90,),
    "HrdBufferSize": ANY,
    "InterlaceMode": ("PROGRESSIVE",),
    "MaxBitrate": ANY,
    "MinIInterval": (0,),
    "NumberBFramesBetweenReferenceFrames": ANY,
    "NumberReferenceFrames": ANY,
    "ParControl": ("INITIALIZE_FROM_SOURCE",),
    "QualityTuningLevel": ANY,
    "QvbrSettings": {"MaxAverageBitrate": (), "QvbrQualityLevel": ANY, "QvbrQualityLevelFineTune": ANY},
    "RateControlMode": ANY,
    "RepeatPps": ("DISABLED",),
    "SaliencyAwareEncoding": ("DISABLED",),
    "SceneChangeDetect": ANY,
    "Slices": ANY,
    "SlowPal": ("DISABLED",),
    "Softness": (0,),
    "SpatialAdaptiveQuantization": ("ENABLED",),
    "Syntax": ("DEFAULT",),
    "Telecine": ("NONE",),
    "TemporalAdaptiveQuantization": ("ENABLED",),
    "UnregisteredSeiTimecode": ("DISABLED",),
    "WriteMp4PackagingType": ("AVC1",),
}
_VIDEO: dict[str, Any] = {
    "AfdSignaling": ("NONE",),
    "AntiAlias": ("ENABLED",),
    "CodecSettings": {
        "Codec": ("H_264", "FRAME_CAPTURE"),
        "FrameCaptureSettings": {"FramerateDenominator": ANY, "FramerateNumerator": ANY, "MaxCaptures": ANY, "Quality": ANY},
        "H264Settings": _H264,
    },
    "ColorMetadata": ANY,
    "DropFrameTimecode": ANY,  # no timecode is written
    "Height": ANY,
    "RespondToAfd": ("NONE",),
    "ScalingBehavior": ("DEFAULT", "STRETCH_TO_OUTPUT", "FIT", "FIT_NO_UPSCALE", "FILL"),
    "Sharpness": (50,),
    "TimecodeInsertion": ("DISABLED",),
    "TimecodeTrack": ("DISABLED",),
    "VideoPreprocessors": {"Deinterlacer": {"Algorithm": ANY, "Control": ANY, "Mode": ("DEINTERLACE",)}},
    "Width": ANY,
}
_AUDIO: dict[str, Any] = {
    "AudioSourceName": ANY,
    "AudioType": (0,),
    "AudioTypeControl": ANY,
    "CodecSettings": {
        "AacSettings": {
            "AudioDescriptionBroadcasterMix": ("NORMAL",),
            "Bitrate": ANY,
            "CodecProfile": ("LC",),
            "CodingMode": ("CODING_MODE_1_0", "CODING_MODE_2_0", "CODING_MODE_5_1"),
            "PassthroughControl": ("NO_PASSTHROUGH",),
            "RateControlMode": ("CBR",),
            "RawFormat": ("NONE",),
            "SampleRate": ANY,
            "Specification": ("MPEG4",),
        },
        "Codec": ("AAC",),
    },
    "LanguageCode": ANY,
    "LanguageCodeControl": ANY,
    "StreamName": ANY,
}
_M3U8: dict[str, Any] = {
    "AudioDuration": ("DEFAULT_CODEC_DURATION",),
    "AudioFramesPerPes": ANY,
    "AudioPids": ANY,
    "DataPTSControl": ANY,
    "NielsenId3": ("NONE",),
    "PatInterval": (0,),
    "PcrControl": ("PCR_EVERY_PES_PACKET",),
    "PmtInterval": (0,),
    "PmtPid": (480,),
    "PrivateMetadataPid": ANY,
    "ProgramNumber": (1,),
    "Scte35Pid": ANY,
    "Scte35Source": ("NONE",),
    "TimedMetadata": ("NONE",),
    "TimedMetadataPid": ANY,
    "VideoPid": ANY,
}
_OUTPUT: dict[str, Any] = {
    "AudioDescriptions": [_AUDIO],
    "ContainerSettings": {
        "CmfcSettings": {"AudioDuration": ("DEFAULT_CODEC_DURATION",), "IFrameOnlyManifest": ("EXCLUDE",), "Scte35Esam": ("NONE",), "Scte35Source": ("NONE",)},
        "Container": ("M3U8", "CMFC", "MP4", "RAW"),
        "M3u8Settings": _M3U8,
        "Mp4Settings": {"AudioDuration": ("DEFAULT_CODEC_DURATION",), "CslgAtom": ANY, "CttsVersion": (0,), "FreeSpaceBox": ("EXCLUDE",), "MoovPlacement": ANY},
    },
    "Extension": ANY,
    "NameModifier": ANY,
    "OutputSettings": {
        "HlsSettings": {
            "AudioGroupId": ANY,
            "AudioOnlyContainer": ANY,
            "AudioRenditionSets": ANY,
            "AudioTrackType": ANY,
            "DescriptiveVideoServiceFlag": ("DONT_FLAG",),
            "IFrameOnlyManifest": ("EXCLUDE",),
            "SegmentModifier": ANY,
        }
    },
    "VideoDescription": _VIDEO,
}
_HLS: dict[str, Any] = {
    "AdMarkers": [()],
    "AudioOnlyHeader": ANY,
    "CaptionLanguageSetting": ("OMIT", "NONE"),
    "ClientCache": ("ENABLED",),
    "CodecSpecification": ANY,
    "Destination": ANY,
    "DestinationSettings": {"S3Settings": {"AccessControl": {"CannedAcl": ANY}, "StorageClass": ("STANDARD",)}},
    "DirectoryStructure": ("SINGLE_DIRECTORY",),
    "ImageBasedTrickPlay": ("NONE",),
    "ManifestCompression": ("NONE",),
    "ManifestDurationFormat": ANY,
    "MinFinalSegmentLength": (0,),
    "MinSegmentLength": ANY,  # there are no avails to make room for
    "OutputSelection": ANY,
    "ProgramDateTime": ("EXCLUDE",),
    "ProgramDateTimePeriod": ANY,
    "ProgressiveWriteHlsManifest": ANY,
    "SegmentControl": ("SEGMENTED_FILES",),
    "SegmentLength": ANY,
    "SegmentLengthControl": ("EXACT", "GOP_MULTIPLE"),
    "StreamInfResolution": ANY,
    "TargetDurationCompatibilityMode": ANY,
    "TimedMetadataId3Frame": ANY,  # there is no timed metadata to write
    "TimedMetadataId3Period": ANY,
    "TimestampDeltaMilliseconds": (0,),
}
_CMAF: dict[str, Any] = {name: _HLS[name] for name in (
    "ClientCache", "CodecSpecification", "Destination", "DestinationSettings", "ImageBasedTrickPlay", "ManifestCompression", "ManifestDurationFormat",
    "MinFinalSegmentLength", "SegmentControl", "SegmentLength", "SegmentLengthControl", "StreamInfResolution", "TargetDurationCompatibilityMode",
)} | {
    "DashManifestStyle": ("BASIC",),
    "FragmentLength": ANY,  # checked against the segment's in `groups.py`
    "MinBufferTime": ANY,
    "MpdManifestBandwidthType": ANY,
    "MpdProfile": ("MAIN_PROFILE",),
    "PtsOffsetHandlingForBFrames": ("ZERO_BASED",),
    "WriteDashManifest": ANY,
    "WriteHlsManifest": ANY,
    "WriteSegmentTimelineInRepresentation": ("ENABLED",),
}  # fmt: skip
_INPUT: dict[str, Any] = {
    "AudioSelectors": {
        EACH: {"DefaultSelection": ANY, "Offset": (0,), "ProgramSelection": (0, 1), "SelectorType": ("TRACK",), "Tracks": ANY},
    },
    "DeblockFilter": ("DISABLED",),
    "DenoiseFilter": ("DISABLED",),
    "FileInput": ANY,
    "FilterEnable": ("AUTO", "DISABLE"),
    "FilterStrength": (0,),
    "InputScanType": ("AUTO",),
    "PsiControl": ANY,
    "TimecodeSource": ANY,  # no timecode is written
    "VideoSelector": {
        "AlphaBehavior": ("DISCARD",),
        "ColorSpace": ("FOLLOW",),
        "ColorSpaceUsage": ANY,
        "EmbeddedTimecodeOverride": ("NONE",),
        "Rotate": ANY,
        "SampleRange": ("FOLLOW",),
    },
}
_SETTINGS: dict[str, Any] = {
    "AdAvailOffset": (0,),
    "FollowSource": (1,),
    "Inputs": [_INPUT],
    "OutputGroups": [
        {
            "CustomName": ANY,
            "Name": ANY,
            "OutputGroupSettings": {
                "CmafGroupSettings": _CMAF,
                "FileGroupSettings": {"Destination": ANY, "DestinationSettings": _HLS["DestinationSettings"]},
                "HlsGroupSettings": _HLS,
                "Type": ("HLS_GROUP_SETTINGS", "CMAF_GROUP_SETTINGS", "FILE_GROUP_SETTINGS"),
            },
            "Outputs": [_OUTPUT],
        }
    ],
    "TimecodeConfig": {"Source": ANY},
}


def check(settings: Mapping[str, Any]) -> None:
    """Return if all of a job's settings are made here.

    Raises:
        JobError: 1040; the message names each setting that is not.
    """
    refused = list(_refused(settings, _SETTINGS, ()))
    refused += [f"{pointer('Inputs', 1)}: more than one input"] if len(settings.get("Inputs", ())) > 1 else []
    if refused:
        more = f"; and {len(refused) - NAMED_AT_MOST} more" if len(refused) > NAMED_AT_MOST else ""
        raise JobError(1040, "; ".join(f"{one} is not supported by the emulator" for one in refused[:NAMED_AT_MOST]) + more)


def _refused(value: Any, spec: Any, at: tuple[str | int, ...]) -> Iterator[str]:
    """Yield `<place>` or `<place>: <value>` of all that the list does not have."""
    if spec is ANY:
        return
    if isinstance(spec, dict) and isinstance(value, Mapping):
        for name, inner in value.items():
            known = spec.get(name, spec.get(EACH))
            if known is None:
                yield pointer(*at, name)
            else:
                yield from _refused(inner, known, (*at, name))
    elif isinstance(spec, list) and isinstance(value, Sequence):
        for index, inner in enumerate(value):
            yield from _refused(inner, spec[0], (*at, index))
    elif not isinstance(spec, tuple) or value not in spec:
        yield f"{pointer(*at)}: {value}"
