"""Look at an input on our disk as the service's prober would: what it is, or the code with which it refuses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uploads.inspection.boxes import Walk, walk_boxes

from . import codes
from .codes import JobError
from .source import Source, source_of

CHILD = Path(__file__).with_name("probe_child.py")
SECONDS = 120.0
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid")


def examine(path: Path, *, url: str, run: Callable[[Path], dict[str, Any]] | None = None) -> Source:
    """Return what an input holds.

    Raises:
        JobError: 1010 no container of ours, 1075 its structure is broken or its index is missing, 1076 its end is missing, 1020 it holds no tracks.
    """
    size = path.stat().st_size
    walk = _walk(path, size)
    if size == 0:
        raise codes.no_parser(url)
    if walk is Walk.CUT_SHORT:
        raise codes.truncated(size) if _has_index(path) else codes.no_moov()
    found = (run or ask_child)(path)
    if found.get("error"):
        raise codes.bad_structure() if walk is Walk.WHOLE else codes.no_parser(url)
    if not found["tracks"]:
        raise codes.no_video(url)
    if not found["late"] and walk is not Walk.WHOLE:  # whose boxes are all there is not cut short
        raise codes.truncated(size)
    return source_of(found, url=url, size=size)


def ask_child(path: Path) -> dict[str, Any]:
    """Run the probe in a process of its own; one that dies or hangs has found something nobody can read."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            [sys.executable, str(CHILD), str(path)], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise JobError(1522, "Internal timeout: the input could not be examined") from None
    if done.returncode != 0:
        return {"error": "died", "why": str(done.returncode)}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _walk(path: Path, size: int) -> Walk | None:
    """Return how the boxes of an MP4 or MOV lie, or None for what is none."""
    with path.open("rb") as file:
        if file.read(8)[4:8] not in _BOXES:
            return None
        return walk_boxes(file, size=size)


def _has_index(path: Path) -> bool:
    """Whether the outermost boxes of a file that was cut short have the index before the cut."""
    with path.open("rb") as file:
        at, size = 0, path.stat().st_size
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            length = int.from_bytes(header[8:16], "big") if length == 1 else length
            if kind == b"moov":
                return at + length <= size
            if length < 8:
                return False
            at += length
    return False
