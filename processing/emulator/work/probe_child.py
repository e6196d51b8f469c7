"""Open a stranger's file with PyAV and say what is in it, as JSON on standard output.

Runs as a process of its own (`python …/probe_child.py PATH`): the libraries below read hostile input in C, so this process is limited, may
die in any way, and takes nothing with it. It imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
from fractions import Fraction
from typing import Any

CPU_SECONDS = 20
MEMORY_BYTES = 2 * 2**30  # of address space: FFmpeg's threads reserve far more than they touch
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mp3,wav,w64,ogg,flac,asf,mxf,flv,aac,ac3,eac3"
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "threads": "1"}


def main(path: str) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(examine(path)))
    return 0


def examine(path: str) -> dict[str, Any]:
    """Return {"error": "unreadable"}, or format, duration (seconds or None), bit rate, tracks, and whether first and late frames decode."""
    import av

    av.logging.set_level(None)
    try:
        container = av.open(path, options=OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        return {"error": "unreadable", "why": type(error).__name__}
    with container:
        tracks = [_track(stream) for stream in container.streams]
        duration = _duration(container)
        found = {"format": container.format.name, "brand": container.metadata.get("major_brand", "").strip(), "bit_rate": container.bit_rate}
        picture = _picture(container)
        first = _first_frame(container, picture) if picture is not None and _codec(picture) else None
        if first is not None and picture is not None:
            tracks[picture.index]["rotation"] = int(getattr(first, "rotation", 0) or 0) % 360
        late = first is None or _late_frame(container, picture, duration)
        main = None if picture is None else picture.index
    measured = duration is None
    if measured:
        duration = _measured(path)
    return found | {"measured": measured, "error": "", "duration_s": duration, "tracks": tracks, "picture": main, "decoded": first is not None, "late": late}


def _track(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    found: dict[str, Any] = {
        "kind": stream.type if stream.type in ("video", "audio") else "data",
        "codec": _codec(stream) or "",
        "tag": _tag(context),
        "bit_rate": (context.bit_rate if context is not None else None) or None,
        "duration_s": float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None,
        "language": stream.metadata.get("language", "und"),
        "frames": stream.frames or None,
    }
    if context is None:
        return found
    if stream.type == "video":
        rate, shape = stream.average_rate or stream.guessed_rate, stream.sample_aspect_ratio
        found |= {
            "width": context.width, "height": context.height, "profile": context.profile or "", "pix_fmt": context.pix_fmt or "",
            "rate": [rate.numerator, rate.denominator] if rate else None, "rotation": 0, "sar": [shape.numerator, shape.denominator] if shape else [1, 1],
            "bits": _bits(context.pix_fmt or ""),
        }  # fmt: skip
    elif stream.type == "audio":
        found |= {"channels": context.channels, "sample_rate": context.sample_rate, "layout": context.layout.name if context.layout else ""}
    return found


def _tag(context: Any) -> str:
    tag = "" if context is None else str(context.codec_tag)
    return tag.strip("\0 ") if tag.isprintable() else ""


def _bits(pix_fmt: str) -> int:
    return next((bits for bits in (10, 12, 14, 16) if f"p{bits}" in pix_fmt), 8)


def _codec(stream: Any) -> str | None:
    return None if stream.codec_context is None else str(stream.codec_context.name)


def _picture(container: Any) -> Any:
    """The first moving picture: a cover in a music file is not one."""
    import av

    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return next((stream for stream in container.streams.video if not stream.disposition & cover), None)


def _duration(container: Any) -> float | None:
    seconds = container.duration / 1_000_000 if container.duration else 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _measured(path: str) -> float | None:
    """How long a file plays that does not say so: the span of its packets' times."""
    import av

    begins, ends = math.inf, 0.0
    with av.open(path, options=OPTIONS) as container, contextlib.suppress(av.FFmpegError):  # damaged further on: up to there it is as long as this
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                begins = min(begins, float(packet.pts * packet.time_base))
                ends = max(ends, float(Fraction(packet.pts + (packet.duration or 0)) * packet.time_base))
    return ends - begins if 0 < ends - begins < math.inf else None


def _first_frame(container: Any, stream: Any) -> Any:
    import av

    try:
        return next(container.decode(stream), None)
    except (av.FFmpegError, StopIteration, ValueError):
        return None


def _late_frame(container: Any, stream: Any, duration: float | None) -> bool:
    """True unless the file ends before its end. (What is there but does not decode is damage: the transcode finds it.)"""
    import av

    if not duration or duration < 0.5 or container.format.name in ("mpegts", "mpeg"):
        return True  # a transport stream announces no length: cut short, it is simply shorter
    target = 0.9 * duration + (container.start_time or 0) / 1_000_000
    try:
        container.seek(int(target * 1_000_000), backward=True)
        for frame in container.decode(stream):
            # A seek lands on the key frame before the target, which may be far in front of it.
            if frame.time is None or frame.time >= target - max(1.0, 0.05 * duration):
                return True
    except EOFError:
        return False
    except (av.FFmpegError, ValueError):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
