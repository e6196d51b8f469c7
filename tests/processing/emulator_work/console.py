"""A job as the service's console writes it: every default spelled out."""

from __future__ import annotations

from typing import Any

from .jobs import h264, ladder, settings, sound

INPUT = {
    "AudioSelectors": {"Audio Selector 1": {"Offset": 0, "DefaultSelection": "DEFAULT", "ProgramSelection": 1}},
    "VideoSelector": {"ColorSpace": "FOLLOW", "Rotate": "DEGREE_0", "AlphaBehavior": "DISCARD"},
    "FilterEnable": "AUTO", "FilterStrength": 0, "PsiControl": "USE_PSI", "DeblockFilter": "DISABLED", "DenoiseFilter": "DISABLED",
    "InputScanType": "AUTO", "TimecodeSource": "ZEROBASED",
}  # fmt: skip
HLS = {
    "ManifestDurationFormat": "INTEGER", "TimedMetadataId3Period": 10, "TimedMetadataId3Frame": "PRIV", "CaptionLanguageSetting": "OMIT",
    "CodecSpecification": "RFC_4281", "OutputSelection": "MANIFESTS_AND_SEGMENTS", "ProgramDateTimePeriod": 600, "ProgramDateTime": "EXCLUDE",
    "MinSegmentLength": 0, "MinFinalSegmentLength": 0, "DirectoryStructure": "SINGLE_DIRECTORY", "SegmentControl": "SEGMENTED_FILES",
    "ManifestCompression": "NONE", "ClientCache": "ENABLED", "AudioOnlyHeader": "INCLUDE", "StreamInfResolution": "INCLUDE",
}  # fmt: skip
M3U8 = {
    "AudioFramesPerPes": 4, "PcrControl": "PCR_EVERY_PES_PACKET", "PmtPid": 480, "PrivateMetadataPid": 503, "ProgramNumber": 1, "PatInterval": 0,
    "PmtInterval": 0, "Scte35Source": "NONE", "NielsenId3": "NONE", "TimedMetadata": "NONE", "VideoPid": 481, "AudioPids": [482, 483],
}  # fmt: skip
VIDEO = {
    "TimecodeInsertion": "DISABLED", "AntiAlias": "ENABLED", "Sharpness": 50, "AfdSignaling": "NONE", "DropFrameTimecode": "ENABLED",
    "RespondToAfd": "NONE", "ColorMetadata": "INSERT", "VideoPreprocessors": {"Deinterlacer": {"Mode": "DEINTERLACE", "Control": "NORMAL"}},
}  # fmt: skip
H264 = {
    "InterlaceMode": "PROGRESSIVE", "NumberReferenceFrames": 3, "Syntax": "DEFAULT", "Softness": 0, "GopClosedCadence": 1, "GopSize": 90,
    "GopSizeUnits": "FRAMES", "Slices": 1, "GopBReference": "DISABLED", "SlowPal": "DISABLED", "SpatialAdaptiveQuantization": "ENABLED",
    "TemporalAdaptiveQuantization": "ENABLED", "FlickerAdaptiveQuantization": "DISABLED", "EntropyEncoding": "CABAC", "Telecine": "NONE",
    "FramerateControl": "INITIALIZE_FROM_SOURCE", "CodecProfile": "MAIN", "MinIInterval": 0, "AdaptiveQuantization": "HIGH", "CodecLevel": "AUTO",
    "FieldEncoding": "PAFF", "SceneChangeDetect": "ENABLED", "QualityTuningLevel": "SINGLE_PASS", "UnregisteredSeiTimecode": "DISABLED",
    "FramerateConversionAlgorithm": "DUPLICATE_DROP", "ParControl": "INITIALIZE_FROM_SOURCE", "NumberBFramesBetweenReferenceFrames": 2,
    "RepeatPps": "DISABLED", "DynamicSubGop": "STATIC",
}  # fmt: skip
AAC = {"AudioDescriptionBroadcasterMix": "NORMAL", "RateControlMode": "CBR", "CodecProfile": "LC", "RawFormat": "NONE", "Specification": "MPEG4"}
OUTPUT = {"AudioGroupId": "program_audio", "AudioRenditionSets": "program_audio", "IFrameOnlyManifest": "EXCLUDE"}


def from_console() -> dict[str, Any]:
    wanted = settings(ladder("s3://out/x/index", 90), **INPUT)
    (group,) = wanted["OutputGroups"]
    group["OutputGroupSettings"]["HlsGroupSettings"] |= HLS
    (output,) = group["Outputs"]
    output["OutputSettings"] = {"HlsSettings": OUTPUT}
    output["ContainerSettings"]["M3u8Settings"] = M3U8
    output["VideoDescription"] = h264(Height=90, **H264) | VIDEO
    output["AudioDescriptions"] = [sound(**AAC)[0] | {"AudioTypeControl": "FOLLOW_INPUT", "LanguageCodeControl": "FOLLOW_INPUT"}]
    return wanted
