"""What was counted during the last hour: totals of this host, noted every few minutes by whoever looks, so that a page can tell "lately" from "ever".

One small file beside the counters, replaced in one rename; without it there is just no "lately".
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resilience.whole_files import replace_text

from .merge import merged
from .store import directory

EVERY_SECONDS = 300.0
KEPT_SECONDS = 3600.0
_NAME = "lately.json"

Totals = dict[str, tuple[float, float]]  # of a histogram: sum, count


@dataclass(frozen=True, slots=True)
class Lately:
    """Of one histogram: how often, how much in all, and over how many seconds that was counted."""

    count: float
    total: float
    seconds: float

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


def note() -> None:
    """Write the totals down, if nobody did for EVERY_SECONDS."""
    folder = directory()
    points = _read(folder)
    if points and time.time() - points[-1][0] < EVERY_SECONDS:
        return
    now = time.time()
    with suppress(OSError):  # a full disk: the older notes tell as much as they can
        replace_text(folder / _NAME, json.dumps([*(point for point in points if now - point[0] <= KEPT_SECONDS), [now, _totals(folder)]]))


def lately(names: list[str]) -> dict[str, Lately]:
    """Return what these histograms (of all labels together) counted since the oldest note of the last hour, or since they began."""
    folder = directory()
    totals = _totals(folder)
    points = [point for point in _read(folder) if time.time() - point[0] <= KEPT_SECONDS]
    at, before = points[0] if points else (time.time(), {})
    found = {}
    for name in names:
        total, count = totals.get(name, (0.0, 0.0))
        old_total, old_count = before.get(name, (0.0, 0.0))
        if old_count > count:  # the counters began anew
            old_total = old_count = 0.0
        found[name] = Lately(count - old_count, total - old_total, time.time() - at)
    return found


def _totals(folder: Path) -> Totals:
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}
    for (kind, _merge, metric, sample, _labels, _help), value in merged(folder).items():
        if kind == "histogram":
            into = sums if sample.endswith("_sum") else counts
            into[metric] = into.get(metric, 0.0) + value
    return {name: (sums.get(name, 0.0), count) for name, count in counts.items()}


def _read(folder: Path) -> list[tuple[float, Totals]]:
    try:
        return [(float(at), {name: (total, count) for name, (total, count) in totals.items()}) for at, totals in json.loads((folder / _NAME).read_text())]
    except (OSError, ValueError, TypeError, AttributeError):
        return []
