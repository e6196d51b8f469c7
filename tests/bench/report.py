"""The figures in words: medians, ratios, and beside them what the design asks for and whether it holds. It hides nothing and fails nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

OURS, REFERENCE = "holdfast", "@tus/server"
SPEEDS = (
    ("a", "1 large file in one PATCH, MiB/s", 1.0),
    ("b", "the same in 5 MiB PATCHes, MiB/s", 1.0),
    ("c", "32 at once in 5 MiB PATCHes, MiB/s", 2.0),
    ("d", "64 KiB, create and PATCH, 16 at once, files/s", 4.0),
)
LARGE = (("a", "one PATCH"), ("b", "5 MiB PATCHes"), ("c", "32 at once"))
MEMORY_GOAL, HEAD_GOAL, CEILING_GOAL = 32.0, 50.0, 0.7


@dataclass
class Figures:
    """Every value measured, by server, case and name. `ceiling` in MiB/s."""

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    ceiling: list[float] = field(default_factory=list)

    def add(self, server: str, case: str, found: dict[str, float]) -> None:
        for name, value in found.items():
            self.values.setdefault((server, case, name), []).append(value)

    def median(self, server: str, case: str, name: str) -> float | None:
        found = self.values.get((server, case, name))
        return statistics.median(found) if found else None

    def servers(self) -> list[str]:
        return list(dict.fromkeys(server for server, _case, _name in self.values))


def report(figures: Figures, *, title: str) -> str:
    servers = figures.servers()
    lines = [title, "", f"{'':<50}" + "".join(f"{server:>13}" for server in servers) + "   ours"]
    for case, what, goal in SPEEDS:
        lines.append(_row(figures, servers, case, "speed", f"({case}) {what}") + _times(figures, case, "speed", least=goal))
    lines.append(_row(figures, servers, "c", "p99", "(c) p99 of a PATCH, ms") + _times(figures, "c", "p99", most=1.0))
    for case, what in LARGE:
        lines.append(_row(figures, servers, case, "memory", f"({case}) {what}: memory over idle, MiB") + _at_most(figures, case, "memory", MEMORY_GOAL))
    lines.append(_row(figures, servers, "stalled", "open", "uploads stalled, their connections open"))
    lines.append(_row(figures, servers, "stalled", "p50", "HEAD beside them, p50 ms"))
    lines.append(_row(figures, servers, "stalled", "p99", "HEAD beside them, p99 ms") + _at_most(figures, "stalled", "p99", HEAD_GOAL))
    lines.append(_row(figures, servers, "stalled", "memory", "memory of the stalled uploads, MiB"))
    return "\n".join([*lines, *_beside_the_ceiling(figures), ""])


def _row(figures: Figures, servers: list[str], case: str, name: str, what: str) -> str:
    cells = [figures.median(server, case, name) for server in servers]
    return f"{what:<50}" + "".join(f"{'–' if cell is None else f'{cell:.1f}' if cell < 100 else f'{cell:.0f}':>13}" for cell in cells)


def _times(figures: Figures, case: str, name: str, *, least: float | None = None, most: float | None = None) -> str:
    """Say how ours stands to the reference server. Exactly one of `least` and `most` is the goal."""
    own, other = figures.median(OURS, case, name), figures.median(REFERENCE, case, name)
    if not own or not other:
        return ""
    ratio = own / other
    if least is not None:
        return f"   {ratio:4.2f} × @tus/server (goal ≥ {least:.1f} ×: {_verdict(least - ratio, '×')})"
    assert most is not None
    return f"   {ratio:4.2f} × @tus/server (goal < {most:.1f} ×: {_verdict(ratio - most, '×')})"


def _at_most(figures: Figures, case: str, name: str, goal: float) -> str:
    own = figures.median(OURS, case, name)
    return "" if own is None else f"   goal ≤ {goal:.0f}: {_verdict(own - goal, '')}"


def _beside_the_ceiling(figures: Figures) -> list[str]:
    own = figures.median(OURS, "a", "speed")
    if not figures.ceiling or own is None:
        return []
    ceiling = statistics.median(figures.ceiling)
    share = own / ceiling
    line = f"{'A loop that receives, hashes and writes, MiB/s':<50}{ceiling:>13.0f}"
    return [f"{line}   (a) is {share:.2f} × of it (goal ≥ {CEILING_GOAL} ×: {_verdict(CEILING_GOAL - share, '×')})"]


def _verdict(missing: float, unit: str) -> str:
    return "holds" if missing <= 0 else f"short by {missing:.2f} {unit}".rstrip()
