"""Run as a program of its own: look at one HLS rung and print what is really in it, as JSON.

It decodes what may be hostile, so it runs in a child that can crash or be killed; it needs nothing of the project.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import av

MEMORY_LIMIT = 2 * 2**30
CPU_LIMIT_S = 600


def segments(playlist: Path) -> tuple[list[tuple[str, float]], bool]:
    return parsed(playlist.read_text())


def parsed(playlist: str) -> tuple[list[tuple[str, float]], bool]:
    """Return (name, seconds) for each segment of a playlist's text, and whether it is ended."""
    listed: list[tuple[str, float]] = []
    seconds, ended = 0.0, False
    for line in playlist.splitlines():
        if line.startswith("#EXTINF:"):
            seconds = float(line[8:].split(",")[0])
        elif line.startswith("#EXT-X-ENDLIST"):
            ended = True
        elif line and not line.startswith("#"):
            listed.append((line, seconds))
    return listed, ended


def count_packets(path: Path) -> dict[str, int]:
    counts = {"video": 0, "audio": 0}
    with av.open(str(path), format="mpegts") as container:
        for packet in container.demux():
            if packet.size and packet.stream.type in counts:
                counts[packet.stream.type] += 1
    return counts


def decode(path: Path) -> dict[str, int]:
    """Decode a whole segment, strictly; return how many pictures and blocks of sound came out."""
    counts = {"video": 0, "audio": 0}
    with av.open(str(path), format="mpegts", options={"err_detect": "explode"}) as container:
        for frame in container.decode():
            counts["video" if isinstance(frame, av.VideoFrame) else "audio"] += 1
    return counts


def describe(path: Path) -> dict[str, Any]:
    """Return width, height and the codecs as RFC 6381 writes them, of one segment."""
    codecs, width, height = [], None, None
    with av.open(str(path), format="mpegts") as container:
        if container.streams.video:
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            codecs.append(avc_codec(b"".join(bytes(packet) for packet in container.demux(stream))))
        if container.streams.audio:
            codecs.append("mp4a.40.2")
    return {"width": width, "height": height, "codecs": ",".join(codecs)}


def avc_codec(stream: bytes) -> str:
    """Return e.g. `avc1.64001e`: profile, constraints and level out of the first sequence parameter set."""
    for mark in (b"\x00\x00\x01\x67", b"\x00\x00\x01\x27"):
        at = stream.find(mark)
        if at >= 0:
            return f"avc1.{stream[at + 4 : at + 7].hex()}"
    raise ValueError("no sequence parameter set")


def measure(folder: Path) -> dict[str, Any]:
    """Return what is in a rung; `fault` is empty when everything it lists is there and the ends decode."""
    listed, ended = segments(folder / "index.m3u8")
    sizes = [(folder / name).stat().st_size for name, _ in listed]
    if not listed or not ended or not all(sizes):
        return {"fault": f"{len(listed)} segments, {sizes.count(0)} empty, {'ended' if ended else 'not ended'}"}
    counts = [count_packets(folder / name) for name, _ in listed]
    for name in dict.fromkeys([listed[0][0], listed[-1][0]]):
        decoded = decode(folder / name)
        if not any(decoded.values()):
            return {"fault": f"nothing decodes in {name}"}
    rates = [size * 8 / seconds for size, (_, seconds) in zip(sizes, listed, strict=True) if seconds >= 1]
    duration = sum(seconds for _, seconds in listed)
    return {
        "fault": "",
        "segments": len(listed),
        "size": sum(sizes),
        "duration_s": duration,
        "frames": sum(count["video"] for count in counts),
        "sounds": sum(count["audio"] for count in counts),
        "bitrate": int(max(rates, default=sum(sizes) * 8 / max(duration, 0.1))),
    } | describe(folder / listed[0][0])


def main(folder: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    try:
        found = measure(Path(folder))
    except (OSError, ValueError, MemoryError, av.FFmpegError) as error:
        found = {"fault": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
