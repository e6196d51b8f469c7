"""What must hold across tables and stores, where no constraint can say it: each room declares its rules, `manage.py check_integrity` proves them.

    @rule("uploads.accepted_bytes", about="Every accepted file is there, all of it.", repair=None)
    def accepted_bytes() -> Iterator[Breach]: ...

A rule yields what breaks it, one at a time, and keeps nothing: tables may be of any size. A repair puts one breach right, is safe to run twice and
beside others, and says whether it did; where only a person can, there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from django.db.models import Model, QuerySet

from resilience import audit
from resilience.naming import require_sole

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Model)

BATCH = 500
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Breach:
    """`subject` names it (a public id, a key); `row` is for the repair."""

    subject: str
    said: str
    row: Any = None


Find = Callable[[], Iterator[Breach]]
Repair = Callable[[Breach], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    about: str
    find: Find
    repair: Repair | None


@dataclass
class Outcome:
    """How one rule was found; `shown` are the first of its breaches, `error` is empty unless the check itself stopped."""

    name: str
    about: str
    found: int = 0
    repaired: int = 0
    shown: list[Breach] = field(default_factory=list)
    error: str = ""

    @property
    def is_clean(self) -> bool:
        return not self.error and self.found == self.repaired


_RULES: dict[str, Rule] = {}


def rule(name: str, *, about: str, repair: Repair | None = None) -> Callable[[Find], Find]:
    """Register the decorated function.

    Raises:
        ValueError: two rules share a name.
    """

    def register(find: Find) -> Find:
        known = _RULES.get(name)
        require_sole("rules of integrity", name, known=known.find if known else None, new=find)
        _RULES[name] = Rule(name, about, find, repair)
        return find

    return register


def all_rules() -> list[Rule]:
    return list(_RULES.values())


def check_all(*, repair: bool = False, only: list[str] | None = None) -> Iterator[Outcome]:
    """Check every rule, or only those named; with `repair` put right what is safe to. One that stops keeps no other from being checked."""
    for each in all_rules():
        if not only or each.name in only:
            yield _check(each, repair=repair)


def _check(each: Rule, *, repair: bool) -> Outcome:
    outcome = Outcome(each.name, each.about)
    try:
        for breach in each.find():
            outcome.found += 1
            if len(outcome.shown) < MOST_SHOWN:
                outcome.shown.append(breach)
            if repair and each.repair is not None and each.repair(breach):
                outcome.repaired += 1
    except Exception as error:
        log.exception("integrity.rule_stopped", rule=each.name)
        outcome.error = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    if outcome.repaired:
        audit.record(actor=None, action="integrity.repair", target=each.name, reason="check_integrity --repair", count=outcome.repaired)
    return outcome


def in_batches(rows: QuerySet[M]) -> Iterator[M]:
    """Yield rows in the order of their keys, a batch at a time: what a repair changes or deletes disturbs nothing, and memory stays small."""
    last: Any = None
    while True:
        ordered = rows.order_by("pk")
        batch = list((ordered if last is None else ordered.filter(pk__gt=last))[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1].pk
