"""Results for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from .runner import PROTOCOLS, Result, failures

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


def line(result: Result) -> str:
    found = result.requirement
    reason = f"\n{'':<8} {found.source}: {result.reason}" if result.outcome == "failed" else f"  ({result.reason})" if result.reason else ""
    return f"{_MARKS[result.outcome]:<8} {found.level:<6} {found.id:<42} {found.title}{reason}"


def totals(results: Sequence[Result]) -> str:
    """One row per protocol and level."""
    rows = [f"{'':<6} {'level':<7}{'checks':>7}{'passed':>8}{'failed':>8}{'skipped':>9}"]
    for protocol in PROTOCOLS:
        for level in ("MUST", "SHOULD", "MAY"):
            counts = Counter(result.outcome for result in results if result.requirement.protocol == protocol and result.requirement.level == level)
            if counts:
                rows.append(f"{protocol:<6} {level:<7}{counts.total():>7}{counts['passed']:>8}{counts['failed']:>8}{counts['skipped']:>9}")
    wrong = failures(results)
    rows.append("Conforms to every MUST and SHOULD that could be asked." if not wrong else f"{len(wrong)} failures of MUST or SHOULD.")
    return "\n".join(rows)


def as_json(results: Sequence[Result]) -> str:
    checks = [
        {
            "id": result.requirement.id, "level": result.requirement.level, "source": result.requirement.source, "title": result.requirement.title,
            "outcome": result.outcome, "reason": result.reason, "seconds": round(result.seconds, 3),
        }
        for result in results
    ]  # fmt: skip
    return json.dumps({"checks": checks, "totals": Counter(result.outcome for result in results), "failures": len(failures(results))}, indent=1)
