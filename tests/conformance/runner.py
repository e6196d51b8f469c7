"""Asks a server everything it announces, several checks at a time; each check makes its own uploads."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from .checks import MODULES
from .requirement import REQUIREMENTS, Failed, Requirement, Skipped
from .speaker import Draft, Speaker, Target, Tus

Outcome = Literal["passed", "failed", "skipped"]
PROTOCOLS = ("tus", "ietf")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check. `reason` is empty when it passed."""

    requirement: Requirement
    outcome: Outcome
    reason: str
    seconds: float

    @property
    def counts(self) -> bool:
        """Whether the server is not conforming because of it."""
        return self.outcome == "failed" and self.requirement.level != "MAY"


def run(target: Target, *, only: str = "", matching: str = "", jobs: int = 4, told: Callable[[Result], None] = lambda _result: None) -> list[Result]:
    """Run the suite and return one result per requirement, in the order of the requirements.

    Args:
        only: a protocol, which is then asked for even if it is not announced; "" for what is announced.
        matching: ids must contain this.
        jobs: checks at the same time.
        told: called with each result, in order.
    """
    order = [module.__name__ for module in MODULES]
    ordered = sorted(REQUIREMENTS, key=lambda found: order.index(found.function.__module__))
    chosen = [found for found in ordered if only in ("", found.protocol) and matching in found.id]
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(lambda found: _ask(found, target, forced=bool(only)), chosen):
            told(result)
            results.append(result)
    return results


def failures(results: Iterable[Result]) -> list[Result]:
    return [result for result in results if result.counts]


def _ask(requirement: Requirement, target: Target, *, forced: bool) -> Result:
    started = time.monotonic()
    speaker: Speaker = Tus(target) if requirement.protocol == "tus" else Draft(target)
    outcome: Outcome = "passed"
    reason = ""
    try:
        _require_announced(requirement, target, forced=forced)
        requirement.run(speaker)
    except Skipped as skipped:
        outcome, reason = "skipped", str(skipped)
    except Failed as failed:
        outcome, reason = "failed", str(failed)
    except TimeoutError:
        outcome, reason = "failed", "no answer in time"
    except (ConnectionError, ssl.SSLError) as broken:
        outcome, reason = "failed", f"the connection broke: {broken}"
    except ValueError as unreadable:
        outcome, reason = "failed", f"the answer cannot be read: {unreadable}"
    finally:
        speaker.clean()
    return Result(requirement, outcome, reason, time.monotonic() - started)


def _require_announced(requirement: Requirement, target: Target, *, forced: bool) -> None:
    """Raises: Skipped."""
    tus, ietf = bool(target.listed("Tus-Version")), bool(target.capabilities.get("Upload-Limit"))
    if not forced and requirement.protocol == "ietf" and not ietf:
        raise Skipped("OPTIONS carries no Upload-Limit: the server does not announce the draft")
    if not forced and requirement.protocol == "tus" and not tus and ietf:
        raise Skipped("OPTIONS carries no Tus-Version: the server does not announce tus")
    missing = [name for name in requirement.needs if name not in target.listed("Tus-Extension")]
    if missing:
        raise Skipped(f"not announced: {', '.join(missing)}")
