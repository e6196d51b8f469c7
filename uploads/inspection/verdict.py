"""What to say about a file that arrived whole: container walk and probe, put together. Pure."""

from __future__ import annotations

from typing import Any

from resilience.errors import AppError
from uploads.errors import CodecUnknown, FileTruncated, FileUnreadable, NoTracks, TooLong

from .boxes import Walk
from .probe import Probe

_OF_ERROR: dict[str, type[AppError]] = {"unreadable": FileUnreadable, "no_tracks": NoTracks, "unknown_format": CodecUnknown}
_MOST_PIXELS = 8192 * 8192


def refusal_of_walk(walk: Walk | None) -> AppError | None:
    """Args: walk: None for a container that is not walked."""
    if walk is Walk.CUT_SHORT:
        return FileTruncated()
    if walk is Walk.EMPTY:
        return NoTracks()
    return None


def refusal_of_probe(found: Probe, *, longest: float) -> AppError | None:
    """Return why a probed file cannot be converted, or None.

    Args:
        longest: seconds we take at most.
    """
    if found.error:
        return _OF_ERROR.get(found.error, FileUnreadable)()
    if not found.decoded:
        return FileUnreadable()
    video: dict[str, Any] | None = found.details.get("video")
    if video and not 0 < (video["width"] or 0) * (video["height"] or 0) <= _MOST_PIXELS:
        return FileUnreadable()
    duration = found.details.get("duration_s")
    if duration and duration > longest:
        return TooLong(duration_s=duration, limit_s=longest, duration_text=human_duration(duration), limit_text=human_duration(longest))
    return None if found.late else FileTruncated()


def human_duration(seconds: float) -> str:
    """Return seconds as people say them: "2 h 5 min", "3 min 20 s", "12 s"."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
