"""The figures in words: medians, ratios, and beside them what the design asks for. It judges nothing and hides nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

OURS, REFERENCE = "holdfast", "@tus/server"
ROWS = (
    ("a", "1 large file in one PATCH", "MiB/s", 1.0),
    ("b", "the same in 5 MiB PATCHes", "MiB/s", 1.0),
    ("c", "32 at once in 5 MiB PATCHes", "MiB/s", 2.0),
    ("d", "64 KiB, create and PATCH, 16 at once", "files/s", 4.0),
)


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
    lines = [title, "", f"{'':<44}" + "".join(f"{server:>14}" for server in servers) + "   ours / @tus/server"]
    for case, what, unit, goal in ROWS:
        lines.append(_row(figures, servers, case, "speed", f"({case}) {what}, {unit}") + _ratio(figures, case, goal))
    lines.append(_row(figures, servers, "c", "p99", "(c) p99 of a PATCH, ms") + _below(figures, "c", "p99"))
    lines.append(_row(figures, servers, "a", "memory", "(a) memory over idle, MiB") + _at_most(figures, "a", "memory", 32))
    lines.append(_row(figures, servers, "c", "memory", "(c) memory over idle, MiB"))
    lines.append(_row(figures, servers, "stalled", "p50", "HEAD beside stalled uploads, p50 ms"))
    lines.append(_row(figures, servers, "stalled", "p99", "HEAD beside stalled uploads, p99 ms") + _at_most(figures, "stalled", "p99", 50))
    lines.append(_row(figures, servers, "stalled", "memory", "memory of the stalled uploads, MiB"))
    return "\n".join([*lines, *_beside_the_ceiling(figures), ""])


def _row(figures: Figures, servers: list[str], case: str, name: str, what: str) -> str:
    cells = [figures.median(server, case, name) for server in servers]
    return f"{what:<44}" + "".join(f"{'–' if cell is None else f'{cell:.1f}' if cell < 100 else f'{cell:.0f}':>14}" for cell in cells)


def _ratio(figures: Figures, case: str, goal: float) -> str:
    own, other = figures.median(OURS, case, "speed"), figures.median(REFERENCE, case, "speed")
    return f"   {own / other:4.2f} ×  (goal ≥ {goal:.1f} ×)" if own and other else ""


def _below(figures: Figures, case: str, name: str) -> str:
    own, other = figures.median(OURS, case, name), figures.median(REFERENCE, case, name)
    return f"   {own / other:4.2f} ×  (goal < 1.0 ×)" if own and other else ""


def _at_most(figures: Figures, case: str, name: str, goal: float) -> str:
    own = figures.median(OURS, case, name)
    return "" if own is None else f"   {own:4.1f}    (goal ≤ {goal:.0f})"


def _beside_the_ceiling(figures: Figures) -> list[str]:
    own = figures.median(OURS, "a", "speed")
    if not figures.ceiling or own is None:
        return []
    ceiling = statistics.median(figures.ceiling)
    return [f"{'A loop that receives, hashes and writes, MiB/s':<44}{ceiling:>14.0f}   (a) is {own / ceiling:.2f} × of it  (goal ≥ 0.7 ×)"]
