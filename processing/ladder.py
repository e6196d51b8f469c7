"""Which renditions a source gets. Pure: from the probe to the rungs, lowest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

HEIGHTS = (360, 480, 720, 1080)
_VIDEO_BPS = {360: 800_000, 480: 1_400_000, 720: 2_800_000, 1080: 5_000_000}
_AUDIO_BPS = {360: 96_000, 480: 128_000, 720: 128_000, 1080: 160_000}
MAX_FPS = 60.0
STEADY_FPS = 30.0
MAX_LONG_SIDE = 4096
AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition to make. Sizes in pixels as shown (rotation applied), rates in bits per second; `fps_cap` 0 keeps the source's."""

    name: str
    width: int = 0
    height: int = 0
    video_bps: int = 0
    audio_bps: int = 128_000
    fps_cap: float = 0.0

    @property
    def is_audio(self) -> bool:
        return self.width == 0

    @property
    def weight(self) -> float:
        """Its share of the whole work, relative to other rungs: pixels, about."""
        return float(self.width * self.height or 1)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rung_from_json(value: Mapping[str, Any]) -> Rung:
    return Rung(**value)


def ladder(probe: Mapping[str, Any]) -> list[Rung]:
    """Return the rungs for a probed source, lowest first; an empty list when there is nothing to play.

    Args:
        probe: as `UploadSession.probe`: `video` with width, height, rotation (degrees), fps, or null; `audio` or null; `measured` when the file
            does not say how long it is, as browsers record.
    """
    video = probe.get("video") or {}
    width, height = _shown_size(video)
    if not width or not height:
        return [Rung(AUDIO)] if probe.get("audio") else []
    cap = _fps_cap(float(video.get("fps") or 0), measured=bool(probe.get("measured")))
    short = min(width, height)
    classes = [height_class for height_class in HEIGHTS if height_class <= short]
    return [_rung(width, height, target, cap) for target in classes] or [_rung(width, height, _even(short, at_most=short), cap)]


def _fps_cap(fps: float, *, measured: bool) -> float:
    """Pictures a second to make: those that come as they were made need a steady clock, or segments say that they are far shorter than they are."""
    if measured:
        return STEADY_FPS if fps <= STEADY_FPS + 3 else MAX_FPS
    return MAX_FPS if fps > MAX_FPS else 0.0


def _shown_size(video: Mapping[str, Any]) -> tuple[int, int]:
    width, height = int(video.get("width") or 0), int(video.get("height") or 0)
    turned = round(float(video.get("rotation") or 0)) % 180 == 90
    return (height, width) if turned else (width, height)


def _rung(width: int, height: int, short: int, fps_cap: float) -> Rung:
    scale = min(short / min(width, height), MAX_LONG_SIDE / max(width, height))
    size = (_even(width * scale, at_most=width), _even(height * scale, at_most=height))
    bounds = min((known for known in HEIGHTS if known >= short), default=HEIGHTS[-1])
    return Rung(f"{short}p", *size, video_bps=_VIDEO_BPS[bounds], audio_bps=_AUDIO_BPS[bounds], fps_cap=fps_cap)


def _even(value: float, *, at_most: int) -> int:
    """The nearest even number to a size, not above the source's, at least 2; H.264 4:2:0 has no odd ones."""
    return max(2, min(round(value / 2) * 2, at_most // 2 * 2))
