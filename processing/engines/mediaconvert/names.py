"""Where a job's files lie and what they are called: MediaConvert never says it in GetJob, so both sides derive it from here. Pure.

Everything of an attempt lies under its own prefix, a folder for each rung, so that a late or a second job can damage nothing.
"""

from __future__ import annotations

from processing.ladder import Rung

BASE = "index"
POSTER = "poster"
CAPTURES = 2  # at the start, and a little way in


def modifier(rung: Rung) -> str:
    """Return what MediaConvert puts behind a group's base name for this rung: no two outputs of a job share it."""
    return f"_{rung.name}"


def rung_base(prefix: str, rung: Rung) -> str:
    """Return the base name of a rung's output group, relative to the rendition store's root."""
    return f"{prefix}/{rung.name}/{BASE}"


def rung_playlist(prefix: str, rung: Rung) -> str:
    """Return the rung's own playlist (beside it lies the group's, which nobody needs)."""
    return f"{rung_base(prefix, rung)}{modifier(rung)}.m3u8"


def poster_base(prefix: str) -> str:
    return f"{prefix}/{POSTER}/{POSTER}"


def posters(prefix: str) -> list[str]:
    """Return the pictures that may have been grabbed, the best first; short videos have the first moment only."""
    return [f"{poster_base(prefix)}.{number:07}.jpg" for number in reversed(range(CAPTURES))]
