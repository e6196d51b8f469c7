"""The main playlist over the rungs there are. Pure."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence

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
