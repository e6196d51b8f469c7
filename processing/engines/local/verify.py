"""Whether a rung is what was ordered. An exit code of 0 is no proof: a truncated source gives 0 and 60 % of the video."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processing.engines.base import EngineFailure, Failure, Watch
from processing.ladder import MAX_FPS, Rung

from . import process

MEASURE_TIMEOUT_S = 900.0
# They do not say how long they are; what a probe says is guessed from the bit rate and may be far off.
GUESSED = frozenset({"mp3", "aac", "ac3", "eac3", "dts", "amr", "mpeg", "mpegvideo", "h264", "hevc"})
MIN_FRAMES = 0.98
MIN_SALVAGED = 0.5  # less than half of it is not worth watching: ask for a new file


@dataclass(frozen=True, slots=True)
class Expected:
    """What a source promises. Empty or None where nobody knows.

    Args:
        durations_s: any of these is right: the container's, and the picture's own (sound may go on after it).
        frames: pictures.
        has_sound: there is a sound track.
    """

    durations_s: tuple[float, ...] = ()
    frames: int | None = None
    has_sound: bool = False


def expected(probe: dict[str, Any], rung: Rung) -> Expected:
    """Return what a rung of this source must come to."""
    video = probe.get("video") or {}
    whole = float(probe.get("duration_s") or 0)
    frames, fps = int(video.get("frames") or 0), float(video.get("fps") or 0)
    own = frames / fps if frames and fps and not rung.is_audio else 0.0
    measured = [] if rung.is_audio else [float(video.get("shown_s") or 0), float(video.get("shown_s") or 0) - float(video.get("hold_s") or 0)]
    whole = 0.0 if probe.get("container") in GUESSED else whole
    durations = tuple(seconds for seconds in (whole, own, *measured) if seconds > 0)
    if rung.is_audio or not frames:
        return Expected(durations, None, bool(probe.get("audio")))
    if rung.fps_cap and durations:
        frames = min(frames, int(min(durations) * min(rung.fps_cap, MAX_FPS)))
    # An edit list may show less than is stored.
    if fps and whole:
        frames = min(frames, int(whole * fps) or frames)
    return Expected(durations, frames, bool(probe.get("audio")))


def fault_in(found: dict[str, Any], wanted: Expected, *, salvage: bool) -> str:
    """Return what is wrong with a measured rung, in our own words; empty when nothing is."""
    if found["fault"]:
        return str(found["fault"])
    duration, frames = float(found["duration_s"]), int(found["frames"])
    if salvage:
        too_short = wanted.durations_s and duration < MIN_SALVAGED * min(wanted.durations_s)
        too_few = wanted.frames is not None and frames < MIN_SALVAGED * wanted.frames
        return f"only {duration:.1f} s and {frames} frames could be saved" if too_short or too_few else ""
    if wanted.durations_s and all(abs(duration - seconds) > max(1.0, 0.02 * seconds) for seconds in wanted.durations_s):
        return f"{duration:.1f} s instead of {max(wanted.durations_s):.1f} s"
    if wanted.frames is not None and frames < MIN_FRAMES * wanted.frames:
        return f"{frames} of {wanted.frames} frames"
    if wanted.has_sound and not found["sounds"]:
        return "the sound is missing"
    return ""


def measure(folder: Path, watch: Watch, *, limit_s: float = MEASURE_TIMEOUT_S) -> dict[str, Any]:
    """Measure a rung in a child process that may crash or be killed.

    Raises:
        EngineFailure: it did not come back with an answer. Stopped: the watch said so.
    """
    until = time.monotonic() + limit_s
    with process.started([sys.executable, str(Path(__file__).with_name("measure.py")), str(folder)]) as child:
        while True:
            watch.check()
            try:
                answer, words = child.communicate(timeout=process.TICK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    raise EngineFailure(Failure("engine", "STALLED", "measuring did not end")) from None
    if child.returncode != 0:
        raise EngineFailure(Failure("verify", str(child.returncode), f"measuring ended with {child.returncode}: {words[-1_000:].decode('utf-8', 'replace')}"))
    found: dict[str, Any] = json.loads(answer)
    return found
