"""What an input holds: the probe's answer as values, and which of it the service cannot take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import codes
from .codes import JobError

# Decoders' names of what the service reads (its page on supported input codecs); everything else is 1030 there.
_VIDEO = frozenset(
    {"av1", "libdav1d", "libaom-av1", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "vp8", "vp9", "libvpx",
     "libvpx-vp9", "prores", "dnxhd", "dvvideo", "h261", "h263", "mjpeg", "wmv1", "wmv2", "wmv3", "vc1", "jpeg2000", "libopenjpeg", "rawvideo", "v210",
     "qtrle", "theora", "flv"}
)  # fmt: skip
_AUDIO = frozenset(
    {"aac", "aac_latm", "ac3", "eac3", "mp2", "mp2float", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis", "flac", "alac", "wmav1", "wmav2",
     "wmapro", "wmalossless", "amrnb", "amrwb", "dca"}
)  # fmt: skip
_PROFILES_REFUSED = frozenset({"High 4:4:4 Predictive", "High 4:4:4 Intra", "CAVLC 4:4:4 Intra", "High 4:4:4"})


@dataclass(frozen=True, slots=True)
class Track:
    """One track. `raw` is what the probe said, for the answers that show it."""

    index: int
    kind: str
    codec: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """An input that can be read.

    Args:
        url: s3://.
        size: bytes.
        duration_s: as long as it plays.
        picture: its video track, if any. sounds: its audio tracks, in order.
        measured: it does not say how long it is.
        width, height: pixels as stored, before any rotation (degrees, clockwise).
    """

    url: str
    size: int
    container: str
    duration_s: float
    tracks: tuple[Track, ...]
    picture: Track | None = None
    sounds: tuple[Track, ...] = ()
    width: int = 0
    height: int = 0
    rotation: int = 0
    fps: Fraction = Fraction(0)
    measured: bool = False
    raw: Mapping[str, Any] | None = None


def source_of(found: Mapping[str, Any], *, url: str, size: int) -> Source:
    """Return the input that the probe child describes (`found["error"]` is empty)."""
    tracks = tuple(Track(index, item["kind"], item["codec"], item) for index, item in enumerate(found["tracks"]))
    picture = tracks[found["picture"]] if found["picture"] is not None else None
    shown = picture.raw if picture is not None else {}
    return Source(
        url=url,
        size=size,
        container=found["format"],
        duration_s=float(found["duration_s"] or 0.0),
        tracks=tracks,
        picture=picture,
        sounds=tuple(track for track in tracks if track.kind == "audio" and track.codec),
        width=int(shown.get("width") or 0),
        height=int(shown.get("height") or 0),
        rotation=int(shown.get("rotation") or 0),
        fps=Fraction(*shown["rate"]) if shown.get("rate") else Fraction(0),
        measured=bool(found.get("measured")),
        raw=found,
    )


def check_codecs(source: Source, *, wants_video: bool, wants_audio: bool) -> None:
    """Return if the service can decode what a job wants of an input.

    Raises:
        JobError: 1020, there is no picture. 1021, there is no sound and only sound is wanted. 1030, a codec.
    """
    if wants_video:
        if source.picture is None:
            raise codes.no_video(source.url)
        _check_picture(source.picture)
        if not source.width or not source.height or not (source.raw or {}).get("decoded"):
            raise JobError(1020, f"The video decoder did not read enough good frames of the input file [{source.url}]")
    if wants_audio:
        for track in source.sounds:
            if track.codec not in _AUDIO and not track.codec.startswith("pcm_"):
                raise codes.bad_codec("Audio", track.codec)
    if not wants_video and not source.sounds:
        raise JobError(1021, "No audio frames decoded on [selector-(Audio Selector 1)-track-1]")


def _check_picture(track: Track) -> None:
    if track.codec not in _VIDEO:
        raise codes.bad_codec("Video", track.codec or str(track.raw.get("tag") or "unknown"))
    if track.codec == "h264" and track.raw.get("profile") in _PROFILES_REFUSED:
        raise JobError(1030, f"Video profile [{track.raw['profile']}] of codec [h264] is not supported")
