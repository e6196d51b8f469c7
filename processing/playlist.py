"""The main playlist over the rungs there are, and playlists as they are handed out. Pure."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Sequence

from processing.engines.base import RungOutput


def main_playlist(outputs: Sequence[RungOutput], *, folder: str) -> str:
    """Return the main playlist (RFC 8216) that lies in `folder` and offers these rungs, lowest first."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for output in sorted(outputs, key=lambda one: one.bitrate):
        average = int(output.size * 8 / output.duration_s) if output.duration_s else output.bitrate
        attributes = [f"BANDWIDTH={max(output.bitrate, average)}", f"AVERAGE-BANDWIDTH={average}", f'CODECS="{output.codecs}"']
        if output.width and output.height:
            attributes.append(f"RESOLUTION={output.width}x{output.height}")
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", posixpath.relpath(output.path, folder)]
    return "\n".join(lines) + "\n"


def playlist_name(text: str) -> str:
    """Return a name that stands for the content, so that a playlist is never changed under a player: a new one has a new name."""
    return f"main-{hashlib.sha256(text.encode()).hexdigest()[:12]}.m3u8"


Address = Callable[[str, float], str]
_IN_ATTRIBUTE = re.compile(r'(URI=")([^"]*)(")')
_SEGMENT = "#EXTINF:"


def with_addresses(text: str, *, folder: str, address: Address) -> str:
    """Return a playlist (RFC 8216) with every name in it replaced by an address.

    Args:
        folder: where the playlist lies in the store; its names are relative to it.
        address: from a name in the store, and where the file ends in the film (seconds; 0 for what is no segment), to its address.

    Raises:
        ValueError: it names something outside of its own folder's video.
    """
    lines, position, seconds = [], 0.0, 0.0
    for line in text.splitlines():
        if line.startswith(_SEGMENT):
            seconds = float(line.removeprefix(_SEGMENT).partition(",")[0])
        elif line.startswith("#"):
            line = _IN_ATTRIBUTE.sub(lambda found: f"{found[1]}{address(_resolved(found[2], folder), 0.0)}{found[3]}", line)
        elif line.strip():
            position, seconds = position + seconds, 0.0
            line = address(_resolved(line.strip(), folder), position)
        lines.append(line)
    return "\n".join(lines) + "\n"


def duration_of(text: str) -> float:
    """Return the seconds of all segments a playlist lists."""
    return sum(float(line.removeprefix(_SEGMENT).partition(",")[0]) for line in text.splitlines() if line.startswith(_SEGMENT))


def is_main(text: str) -> bool:
    """Whether a playlist lists other playlists."""
    return "#EXT-X-STREAM-INF:" in text


def names_in(text: str, *, folder: str) -> list[str]:
    """Return what a playlist names, in its order, an initialisation before the segments that need it. Raises as `with_addresses`."""
    found: list[str] = []

    def note(name: str, _position: float) -> str:
        if name not in found:
            found.append(name)
        return name

    with_addresses(text, folder=folder, address=note)
    return found


def _resolved(relative: str, folder: str) -> str:
    name = posixpath.normpath(posixpath.join(folder, relative))
    if name.partition("/")[0] != folder.partition("/")[0] or ":" in relative:
        raise ValueError(f"{relative!r} lies outside of {folder}")
    return name
