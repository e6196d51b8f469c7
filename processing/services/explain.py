"""What we make of an error: its class, what would come of it, what its owner reads and what an operator does first. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from processing.classify import CLASS_OF, Classified, ErrorClass, classify
from processing.decide import COST_NOTHING, Counts, Next, decide
from processing.engines.base import Failure
from processing.errors.partners import PARTNERS
from processing.services.chain import configured_chain, policy_for
from resilience.errors import CATALOGUE

_SOURCES = ("mediaconvert", "botocore", "ffmpeg", "pyav", "verify", "engine", "os")
_MOST_STEPS = 60
_KEPT_AS = re.compile(rf"({'|'.join(_SOURCES)})(?: (\S+?))?: (.*)", re.DOTALL)  # as attempts keep it
_CODE_FIRST = re.compile(r"(\d{4})\b[:\s]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Explained:
    """One meaning of what was asked about.

    Args:
        said: the words it is about.
        looked_into: nothing is decided before somebody looked at the file.
        steps: what would come of it if it went on failing so, in order.
    """

    said: str
    code: str
    error_class: str
    looked_into: bool
    steps: list[str]
    title: str
    user_reads: str
    operator_first: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def explain(text: str, *, engine: str = "") -> list[Explained]:
    """Explain a code (the catalogue's, MediaConvert's or botocore's) or raw words; several where a code alone may mean several things.

    Args:
        text: `1010`, `ENCODING_STALLED`, `TooManyRequestsException`, or words as an attempt keeps them.
        engine: where it failed; empty takes the first of the chain that may say so.

    Returns:
        Nothing when no error has this code.
    """
    entry = CATALOGUE.get(text) if text in CLASS_OF else None
    if entry is not None:
        return [_explained(Classified(entry.code, CLASS_OF[entry.code]), text, engine or configured_chain()[0])]
    return [_explained(classify(failure), _words(failure), engine or _engine_of(failure)) for failure in failures_in(text)]


def failures_in(text: str) -> list[Failure]:
    """Return what a text may be the words of."""
    known = [Failure(source, row.code, row.example) for source, each in PARTNERS.items() for row in each.rows if row.code == text]
    if known:
        return known
    if kept := _KEPT_AS.fullmatch(text):
        return [Failure(kept[1], kept[2] or "", kept[3])]
    numbered = _CODE_FIRST.fullmatch(text)
    if numbered:
        return [Failure("mediaconvert", numbered[1], numbered[2])]
    named = [Failure("botocore", row.code, text) for row in PARTNERS["botocore"].rows if re.search(rf"\b{re.escape(row.code)}\b", text)]
    return named[:1] or [Failure("ffmpeg", "", text)]


def _engine_of(failure: Failure) -> str:
    elsewhere = failure.source in PARTNERS
    return next((name for name in configured_chain() if name.startswith("mediaconvert") == elsewhere), "mediaconvert:eu-west-1" if elsewhere else "local")


def _words(failure: Failure) -> str:
    return f"{failure.source} {failure.code}".strip() + f": {failure.message}"


def _explained(found: Classified, said: str, engine: str) -> Explained:
    entry = CATALOGUE.get(found.code)
    steps = list(_steps(found.error_class, found.code, engine))
    return Explained(
        said, found.code, str(found.error_class), found.ambiguous, steps, entry.title, entry.sentence(found.fields), found.runbook or entry.runbook
    )


def _steps(error_class: ErrorClass, code: str, engine: str) -> Iterator[str]:
    """Yield the decisions, with the longest waits, about a job that fails so wherever it goes."""
    chain = configured_chain() if engine in configured_chain() else [engine, *configured_chain()]
    policy, transient = policy_for(error_class, code), policy_for(ErrorClass.TRANSIENT)
    same, tried, salvaged, waited, here = 1, {engine}, False, 0.0, 0.0
    for _ in range(_MOST_STEPS):
        counts = Counts(same, salvaged, frozenset(tried), waited_here_s=here, waited_s=waited)
        step = decide(error_class, policy=policy, chain=chain, engine=engine, counts=counts, random=lambda: 1.0, transient=transient)
        after = f" after {step.delay_s:.0f} s at most" if step.delay_s else ""
        yield f"{step.next}{f' {step.engine}' if step.engine else ''}{after} ({step.why})"
        if step.next not in (Next.SAME_ENGINE, Next.SALVAGE, Next.NEXT_ENGINE):
            return
        salvaged = salvaged or step.next is Next.SALVAGE
        same, here = (same + 1, here + step.delay_s) if step.next is not Next.NEXT_ENGINE else (1, 0.0)
        waited += step.delay_s if error_class in COST_NOTHING else 0.0
        engine = step.engine
        tried.add(engine)
    yield "and so on"
