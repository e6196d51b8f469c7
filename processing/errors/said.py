"""What partners say when something goes wrong, as tables: one row for each thing a code can mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resilience.errors import Match


@dataclass(frozen=True, slots=True)
class Said:
    """One meaning of one code.

    Args:
        code: of the partner. Several rows may share it; the first whose pattern is found in the message counts.
        means: code of the catalogue's entry.
        example: words as the partner says them.
        runbook: what an operator does first about just this.
        pattern: looked for in the message, whatever its case; empty fits every message.
        ambiguous: the same words stand for the file's fault and for ours: nobody is blamed before we looked at the file.
    """

    code: str
    means: str
    example: str
    runbook: str
    pattern: str = ""
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Sayings:
    """All rows of one partner. `source` is the `Failure.source` they are for."""

    source: str
    rows: Sequence[Said]
    _matches: dict[Said, Match] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        before: dict[str, list[str]] = {}
        for row in self.rows:
            others = before.setdefault(row.code, [])
            self._matches[row] = Match(self.source, code=row.code, pattern=_without(others, row.pattern))
            others.append(row.pattern)

    def matches(self, means: str) -> tuple[Match, ...]:
        """Return what an entry of the catalogue stands for; no two entries stand for the same message."""
        return tuple(self._matches[row] for row in self.rows if row.means == means)

    def examples(self, means: str) -> tuple[dict[str, Any], ...]:
        return tuple({"source": self.source, "code": row.code, "message": row.example} for row in self.rows if row.means == means)

    def row(self, code: str, message: str) -> Said | None:
        """Return what somebody said; None for a code that is in no row."""
        return next((row for row in self.rows if self._matches[row].accepts(source=self.source, code=code, message=message)), None)


def _without(others: Sequence[str], pattern: str) -> str:
    """Return a pattern that finds its own words in a message that has none of the others'."""
    if not others:
        return pattern
    return rf"^(?![\s\S]*(?:{'|'.join(others)}))" + (rf"[\s\S]*(?:{pattern})" if pattern else "")
