"""What comes after an attempt that failed. Pure: from the class, the policy, the chain and the counts to the next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from resilience.tasks.backoff import JITTER, delay

from .classify import ErrorClass

# How a class ends once nothing more is to be tried.
_USERS_MOVE = frozenset(
    {
        ErrorClass.INPUT_CODEC,
        ErrorClass.INPUT_CORRUPT,
        ErrorClass.OUTPUT_INVALID,
        ErrorClass.UNCLASSIFIED,
        ErrorClass.INPUT_TRUNCATED,
        ErrorClass.INPUT_NO_VIDEO,
        ErrorClass.INPUT_UNREADABLE,
    }
)
_OPERATORS_MOVE = frozenset({ErrorClass.CONFIG, ErrorClass.IAM})
# Another engine has the same file before it: confirmed hopeless for all of them.
_SAME_EVERYWHERE = frozenset({ErrorClass.INPUT_TRUNCATED, ErrorClass.INPUT_NO_VIDEO, ErrorClass.INPUT_UNREADABLE, ErrorClass.POISON})
# They say nothing about the file and cost no attempt of it.
COST_NOTHING = frozenset({ErrorClass.THROTTLED, ErrorClass.CAPACITY})


class Next(StrEnum):
    SAME_ENGINE = "same_engine"
    SALVAGE = "salvage"
    NEXT_ENGINE = "next_engine"
    NEEDS_NEW_FILE = "needs_new_file"
    BLOCKED = "blocked"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Policy:
    """One `RetryPolicy` row: `tries` more on the same engine, waits from `base_s` doubling to `cap_s` seconds; then `engines`, if it names any."""

    tries: int = 0
    base_s: float = 30.0
    cap_s: float = 300.0
    salvage: bool = False
    enabled: bool = True
    jitter: float = JITTER
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What was tried before. `same`: failed attempts of this class on this engine, this one included. `salvaged`: this was a salvage pass.
    `tried`: engines that had their turn.
    """

    same: int = 1
    salvaged: bool = False
    tried: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    next: Next
    delay_s: float = 0.0
    engine: str = ""
    why: str = ""


def decide(
    error_class: ErrorClass, *, policy: Policy, chain: Sequence[str], engine: str, counts: Counts, random: Callable[[], float]
) -> Decision:  # fmt: skip
    """Choose the next step.

    Args:
        chain: the job's engines, first choice first; those before `engine` had their turn.
        random: uniform in [0, 1).
    """
    if policy.enabled and counts.same <= policy.tries:
        wait = delay(counts.same, base=policy.base_s, cap=policy.cap_s, random=random, jitter=policy.jitter)
        return Decision(Next.SAME_ENGINE, wait, engine, f"{error_class}: try {counts.same} of {policy.tries} more on the same engine")
    if policy.enabled and policy.salvage and not counts.salvaged:
        return Decision(Next.SALVAGE, 0.0, engine, f"{error_class}: one lenient pass over the damaged source")
    following = _chosen(policy, chain, counts.tried | {engine}) if policy.enabled and policy.engines else _after(chain, engine)
    if following and error_class not in _SAME_EVERYWHERE:
        return Decision(Next.NEXT_ENGINE, 0.0, following, f"{error_class}: the next engine may do better")
    return _end(error_class)


def _end(error_class: ErrorClass) -> Decision:
    if error_class in _USERS_MOVE:
        return Decision(Next.NEEDS_NEW_FILE, why=f"{error_class}: only another file helps")
    if error_class in _OPERATORS_MOVE:
        return Decision(Next.BLOCKED, why=f"{error_class}: waits until the configuration is put right")
    return Decision(Next.DEAD, why=f"{error_class}: every engine had its tries")


def _chosen(policy: Policy, chain: Sequence[str], tried: frozenset[str]) -> str:
    """Return the first engine of the policy's order that the job may use and that had no turn yet."""
    return next((engine for engine in policy.engines if engine in chain and engine not in tried), "")


def _after(chain: Sequence[str], engine: str) -> str:
    if engine not in chain:
        return ""
    rest = chain[chain.index(engine) + 1 :]
    return rest[0] if rest else ""
