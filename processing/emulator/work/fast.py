"""Outputs that cost nothing: rendered once for each shape and length, from a picture without content, and handed out again from memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from fractions import Fraction

from .inputs import workspace
from .made import Made, suffixes
from .plan import Output
from .source import Source
from .transcode import Watching, pretend

BYTES_KEPT = 256 * 2**20
_kept: OrderedDict[tuple[object, ...], Made] = OrderedDict()
_lock = threading.Lock()
_each: dict[tuple[object, ...], threading.Lock] = {}


def made(output: Output, source: Source, watching: Watching, *, share: float = 1.0) -> Made:
    """Return an output of the right shape, length and name, with its files in memory.

    Raises:
        JobError: it could not be rendered. What `watching` raises.
    """
    key = _key(output, source, share)
    with _lock:
        one = _each.setdefault(key, threading.Lock())
    with one:
        found = _kept.get(key)
        if found is None:
            found = _rendered(output, source, watching, share)
            _keep(key, found)
    # Names are the job's own; what is inside does not know them.
    pieces = tuple(replace(piece, suffix=suffix) for piece, suffix in zip(found.pieces, suffixes(output, len(found.pieces)), strict=True))
    return replace(found, output=output, pieces=pieces)


def _key(output: Output, source: Source, share: float) -> tuple[object, ...]:
    rate = source.fps if output.picture is not None else Fraction(0)
    return (output.kind, output.picture, output.sound, output.segment_s, output.moov_first, output.pids, round(source.duration_s, 3), rate, share)


def _rendered(output: Output, source: Source, watching: Watching, share: float) -> Made:
    with workspace() as folder:
        found = pretend(output, source, folder / "made", watching, share=share)
        pieces = tuple(replace(piece, path=None, data=piece.path.read_bytes()) for piece in found.pieces if piece.path)
        return replace(found, pieces=pieces)


def _keep(key: tuple[object, ...], found: Made) -> None:
    with _lock:
        _kept[key] = found
        total = sum(piece.size for one in _kept.values() for piece in one.pieces)
        while total > BYTES_KEPT and len(_kept) > 1:
            gone, last = _kept.popitem(last=False)
            _each.pop(gone, None)
            total -= sum(piece.size for piece in last.pieces)
