"""Real media for tests, made by ffmpeg once per shape and run, and broken on purpose."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg

# Four megabits a second of a picture that would need less: a film whose size is known within a few kilobytes.
STRONG = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "4M", "-minrate", "4M", "-bufsize", "1M")


@functools.cache
def _folder() -> Path:
    base = Path(os.environ.get("HOLDFAST_TEST_DIR", tempfile.gettempdir())) / "media"
    base.mkdir(parents=True, exist_ok=True)
    return base


def ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments], check=True, timeout=120)


@functools.cache
def clip(
    *, seconds: float = 2, width: int = 320, height: int = 180, fps: int = 30, video: bool = True, audio: bool = True,
    suffix: str = ".mp4", options: tuple[str, ...] = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"), faststart: bool = False,
) -> Path:  # fmt: skip
    """Return the path of a clip (do not change it; copy it). `options` are ffmpeg's output options for the picture."""
    name = "-".join(str(part) for part in (seconds, width, height, fps, video, audio, faststart, abs(hash(options)) % 10**8))
    path = _folder() / f"clip-{name}-{os.getpid()}{suffix}"
    inputs: list[str] = []
    if video:
        inputs += ["-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate={fps}:duration={seconds}"]
    if audio:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    outputs = (list(options) if video else []) + (["-movflags", "+faststart"] if faststart else [])
    ffmpeg(*inputs, *outputs, str(path))
    return path


def cut(source: Path, target: Path, *, share: float) -> Path:
    """Write the first `share` (0 to 1) of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def padded(source: Path, target: Path, *, size: int) -> Path:
    """Write an MP4 of exactly `size` bytes that plays like `source`: a large file which takes no longer to convert. The same every time."""
    data = source.read_bytes()
    rest = size - len(data)
    target.write_bytes(data + rest.to_bytes(4, "big") + b"free" + random.Random(7).randbytes(rest - 8))
    return target


def picture(target: Path) -> Path:
    """Write a PNG, whatever the target's name says."""
    png = target.with_suffix(".real.png")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=1:duration=1", "-frames:v", "1", str(png))
    png.rename(target)
    return target


def garbage(source: Path, target: Path, *, at: float, share: float = 0.05) -> Path:
    """Write a copy with random bytes over `share` (0 to 1) of the file, beginning at `at` (0 to 1). The same every time."""
    data = bytearray(source.read_bytes())
    start, length = int(len(data) * at), int(len(data) * share)
    data[start : start + length] = random.Random(7).randbytes(length)
    target.write_bytes(data)
    return target
