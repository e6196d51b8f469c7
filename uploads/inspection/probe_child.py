"""Open a stranger's file with PyAV and say what is in it, as JSON on standard output.

Runs as a process of its own (`python -m uploads.inspection.probe_child PATH`): the libraries below read hostile input in C, so this
process is limited, may die in any way, and takes nothing with it. It imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
import time
from typing import Any

CPU_SECONDS = 10
MEMORY_BYTES = 2 * 2**30  # of address space: FFmpeg's threads reserve far more than they touch
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mp3,wav,w64,ogg,flac"
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "threads": "2"}
MEASURE_SECONDS = 4.0


def main(path: str) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(examine(path)))
    return 0


def examine(path: str) -> dict[str, Any]:
    """Return {"error": kind} or what the file holds, in the shape of `session.probe` plus "decoded" and "late"."""
    import av

    av.logging.set_level(None)
    try:
        container = av.open(path, options=OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        return {"error": "unreadable", "why": type(error).__name__}
    with container:
        found = _describe(container)
    if "error" not in found and found["duration_s"] is None:
        _measure(path, found)
    return found


def _describe(container: Any) -> dict[str, Any]:
    video, audio = _picture(container), next(iter(container.streams.audio), None)
    if video is None and audio is None:
        return {"error": "no_tracks"}
    if (video is not None and _codec(video) is None) or (video is None and _codec(audio) is None):
        return {"error": "unknown_format"}
    if audio is not None and _codec(audio) is None:
        audio = None  # the picture can still be shown
    main_stream = video if video is not None else audio
    duration = _duration(container, main_stream)
    found: dict[str, Any] = {
        "container": container.format.name,
        "duration_s": duration,
        "size": container.size,
        "video": None if video is None else _describe_video(video),
        "audio": None if audio is None else {"codec": _codec(audio), "channels": audio.codec_context.channels, "rate": audio.codec_context.sample_rate},
    }
    frame = _first_frame(container, main_stream)
    found["decoded"] = frame is not None
    if frame is not None and found["video"] is not None:
        found["video"]["rotation"] = int(getattr(frame, "rotation", 0) or 0) % 360
    found["late"] = _late_frame(container, main_stream, duration) if frame is not None else False
    return found


def _picture(container: Any) -> Any:
    """The first moving picture: a cover in a music file is not one."""
    import av

    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    for stream in container.streams.video:
        if not stream.disposition & cover:
            return stream
    return None


def _codec(stream: Any) -> str | None:
    return None if stream.codec_context is None else str(stream.codec_context.name)


def _describe_video(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    return {
        "codec": context.name,
        "profile": context.profile,
        "pix_fmt": context.pix_fmt,
        "width": context.width,
        "height": context.height,
        "fps": round(float(rate), 3) if rate else None,
        "frames": stream.frames or None,
        "rotation": 0,
    }


def _duration(container: Any, stream: Any) -> float | None:
    if container.duration:
        seconds = container.duration / 1_000_000
    elif stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    else:
        return None
    return round(seconds, 3) if math.isfinite(seconds) and seconds > 0 else None


def _measure(path: str, found: dict[str, Any]) -> None:
    """Find out how long a file plays that does not say so, like one recorded by a browser: go through all of its packets, decoding none.

    Such a file's frame rate is a guess, too (1,000 where times are in milliseconds): it is counted. What takes too long stays unknown.
    A busy machine records few pictures, and sound beside them: how long the picture is there (`shown_s`), and how much sooner than
    everything else it ends (`hold_s`), is told apart.
    """
    import av

    begins, ends, frames, deadline = math.inf, 0.0, 0, time.monotonic() + MEASURE_SECONDS
    first_picture, last_picture = math.inf, 0.0
    with av.open(path, options=OPTIONS) as container, contextlib.suppress(av.FFmpegError):  # damaged further on: up to there it is as long as this
        for packet in container.demux():
            if time.monotonic() > deadline:
                return
            if packet.pts is None or packet.time_base is None:
                continue
            at, over = float(packet.pts * packet.time_base), float((packet.pts + (packet.duration or 0)) * packet.time_base)
            begins, ends = min(begins, at), max(ends, over)
            if packet.stream.type == "video":
                frames, first_picture, last_picture = frames + 1, min(first_picture, at), max(last_picture, over)
    if not 0 < ends - begins < math.inf:
        return
    found |= {"duration_s": round(ends - begins, 3), "measured": True}
    if found["video"] is not None:
        found["video"]["fps"] = round(frames / (ends - begins), 3)
        if frames:
            found["video"] |= {"shown_s": round(ends - first_picture, 3), "hold_s": round(ends - last_picture, 3)}


def _first_frame(container: Any, stream: Any) -> Any:
    import av

    try:
        return next(container.decode(stream), None)
    except (av.FFmpegError, StopIteration, ValueError):
        return None


def _late_frame(container: Any, stream: Any, duration: float | None) -> bool:
    """True when something near the end decodes too (or the length is unknown, so that there is no telling)."""
    import av

    if not duration or duration < 0.5 or container.format.name == "mpegts":
        return True  # a transport stream has no index and no announced length: cut short, it is simply shorter
    target = 0.9 * duration + (container.start_time or 0) / 1_000_000
    try:
        container.seek(int(target * 1_000_000), backward=True)
        for frame in container.decode(stream):
            # A seek lands on the key frame before the target, which may be far in front of it.
            if frame.time is None or frame.time >= target - max(1.0, 0.05 * duration):
                return True
    except (av.FFmpegError, ValueError):
        return False
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
