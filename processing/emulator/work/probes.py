"""The operation Probe: what a file in S3 holds, in the API's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError, BadRequest, NotFound
from ..state import Services
from . import inputs, storage
from .codes import JobError
from .source import Source, Track

_FORMATS = (
    ("matroska", "matroska"), ("avi", "avi"), ("mpegts", "mpegts"), ("mpeg", "mpegps"), ("mp3", "mp3"), ("wav", "wave"), ("ogg", "ogg"),
    ("flac", "flac"), ("asf", "asf"), ("mxf", "mxf"), ("eac3", "eac3"), ("ac3", "ac3"), ("aac", "aac"),
)  # fmt: skip
_OF_WEBM = frozenset({"vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "av1", "opus", "libopus", "vorbis"})
_CODECS = {
    "h264": "AVC", "hevc": "HEVC", "libdav1d": "AV1", "av1": "AV1", "mpeg4": "MP4V", "mpeg2video": "MPEG2", "mpeg1video": "MPEG1", "vp8": "VP8",
    "libvpx": "VP8", "vp9": "VP9", "libvpx-vp9": "VP9", "prores": "PRORES", "dnxhd": "VC3", "dvvideo": "DV", "h263": "H263", "mjpeg": "MJPEG",
    "wmv3": "VC1", "vc1": "VC1", "jpeg2000": "JPEG2000", "qtrle": "QTRLE", "theora": "THEORA", "rawvideo": "UNCOMPRESSED", "aac": "AAC", "ac3": "AC3",
    "eac3": "EAC3", "mp2": "MP2", "mp2float": "MP2", "mp3": "MP3", "mp3float": "MP3", "opus": "OPUS", "libopus": "OPUS", "vorbis": "VORBIS",
    "flac": "FLAC", "wmav1": "WMA", "wmav2": "WMA2", "wmapro": "WMAPRO", "amrnb": "AMR", "amrwb": "AMR",
}  # fmt: skip
_EXCEPTIONS = {
    1401: "ForbiddenException",
    1522: "InternalServerErrorException",
    3450: "InternalServerErrorException",
}


def probe(files: list[dict[str, Any]], services: Services) -> list[dict[str, Any]]:
    """Return ProbeResults.

    Raises:
        ApiError: 404 not there, 403 access denied, 422 recognized but malformed or corrupt, 400 nothing that the service knows.
    """
    return [_one(str(item.get("FileUrl", "")), services) for item in files]


def _one(url: str, services: Services) -> dict[str, Any]:
    s3 = storage.client("s3", services.options)
    try:
        found = storage.head(s3, url)
        source = inputs.recall(s3, url, lambda: None)
    except JobError as error:
        raise _refusal(error) from error
    metadata = {"ETag": found.version, "FileSize": found.size, "LastModified": found.modified, "MimeType": found.content_type}
    return {"Container": _container(source), "Metadata": metadata, "TrackMappings": [_mapping(source)]}


def _refusal(error: JobError) -> ApiError:
    if error.code == 1404:
        return NotFound(error.message)
    if error.code in (1020, 1030, 1075, 1076):
        return ApiError("UnprocessableEntityException", f"The file was recognized but appears to be malformed or corrupt: {error.message}")
    if error.code in _EXCEPTIONS:
        return ApiError(_EXCEPTIONS[error.code], error.message)
    return BadRequest(error.message)


def _container(source: Source) -> dict[str, Any]:
    raw = source.raw or {}
    found: dict[str, Any] = {"Format": _format(source), "Duration": source.duration_s, "Tracks": [_track(track, source) for track in source.tracks]}
    return found | ({"BitRate": raw["bit_rate"]} if raw.get("bit_rate") else {})


def _format(source: Source) -> str:
    if source.container.startswith("mov,"):
        return "quicktime" if (source.raw or {}).get("brand") == "qt" else "mp4"
    if source.container.startswith("matroska") and all(track.codec in _OF_WEBM for track in source.tracks):
        return "webm"
    return next((name for begin, name in _FORMATS if source.container.startswith(begin)), "mp4")


def _track(track: Track, source: Source) -> dict[str, Any]:
    raw = track.raw
    codec = "PCM" if track.codec.startswith("pcm_") else _CODECS.get(track.codec, "UNKNOWN")
    found: dict[str, Any] = {"Index": track.index + 1, "TrackType": track.kind, "Codec": codec, "Duration": raw.get("duration_s") or source.duration_s}
    if track.kind == "video":
        found["VideoProperties"] = _picture(raw)
    elif track.kind == "audio":
        found["AudioProperties"] = _sound(raw)
    else:
        found["DataProperties"] = {"LanguageCode": str(raw.get("language") or "und")}
    return found


def _picture(raw: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "Width": raw.get("width"),
        "Height": raw.get("height"),
        "BitDepth": raw.get("bits"),
        "BitRate": raw.get("bit_rate"),
        "Rotation": raw.get("rotation"),
    }
    rate, shape = raw.get("rate"), raw.get("sar")
    found |= {"FrameRate": {"Numerator": rate[0], "Denominator": rate[1]}} if rate else {}
    found |= {"SampleAspectRatio": {"Numerator": shape[0], "Denominator": shape[1]}} if shape else {}
    return {name: value for name, value in found.items() if value is not None}


def _sound(raw: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "Channels": raw.get("channels"), "SampleRate": raw.get("sample_rate"), "BitRate": raw.get("bit_rate"), "ChannelLayout": raw.get("layout"),
        "LanguageCode": raw.get("language"),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _mapping(source: Source) -> dict[str, Any]:
    return {
        f"{kind.title()}TrackIndexes": [track.index + 1 for track in source.tracks if track.kind == kind] for kind in ("audio", "data", "video")
    }  # fmt: skip
