"""What comes after an attempt that failed. Pure: from the class, the policy, the chain and the counts to the next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
# Another region has the same decoder, and gets the same settings: only another kind of engine may do better.
_SAME_IN_EVERY_REGION = frozenset(
    {ErrorClass.INPUT_CODEC, ErrorClass.INPUT_CORRUPT, ErrorClass.OUTPUT_INVALID, ErrorClass.UNCLASSIFIED, ErrorClass.CONFIG, ErrorClass.IAM}
)
SALVAGES = frozenset({"local"})  # kinds of engines that can be lenient with a damaged source
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
    """One `RetryPolicy` row: `tries` more on the same engine, waits from `base_s` doubling to `cap_s` seconds; then `engines`, if it names any.

    Of what costs no try: the next engine's turn comes once this one made the job wait for `next_after_s`, and all waiting ends after `within_s`
    (0: no such limit). Of a fault of our settings: `users_first` lets another kind of engine go on before anybody mends it.
    """

    tries: int = 0
    base_s: float = 30.0
    cap_s: float = 300.0
    salvage: bool = False
    enabled: bool = True
    jitter: float = JITTER
    engines: tuple[str, ...] = ()
    within_s: float = 0.0
    next_after_s: float = 0.0
    users_first: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """What was tried before.

    Args:
        same: failed attempts of this class on this engine, this one included.
        salvaged: there was a salvage pass.
        tried: engines that had their turn.
        waited_here_s, waited_s: how long this engine, and all of them, made the job wait with failures in a row that cost no try.
    """

    same: int = 1
    salvaged: bool = False
    tried: frozenset[str] = frozenset()
    waited_here_s: float = 0.0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    next: Next
    delay_s: float = 0.0
    engine: str = ""
    why: str = ""


def decide(
    error_class: ErrorClass, *, policy: Policy, chain: Sequence[str], engine: str, counts: Counts, random: Callable[[], float], transient: Policy | None = None
) -> Decision:  # fmt: skip
    """Choose the next step.

    Args:
        chain: the job's engines, first choice first; those before `engine` had their turn.
        random: uniform in [0, 1).
        transient: policy of transient failures, for what goes on as one.
    """
    if error_class is ErrorClass.ACCELERATION and counts.same > policy.tries and transient is not None:
        # It failed without acceleration too: whatever the engine calls it, it is one more fault of its own.
        since = replace(counts, same=counts.same - policy.tries)
        found = decide(ErrorClass.TRANSIENT, policy=transient, chain=chain, engine=engine, counts=since, random=random)
        return replace(found, why=f"{error_class}, by now {found.why}")
    following = _following(error_class, policy, chain, engine, counts.tried)
    enough_of_it = bool(following) and 0 < policy.next_after_s <= counts.waited_here_s
    if not enough_of_it and _may_stay(policy, counts):
        wait = delay(counts.same, base=policy.base_s, cap=policy.cap_s, random=random, jitter=policy.jitter)
        return Decision(Next.SAME_ENGINE, wait, engine, _why_stay(error_class, policy, counts))
    if policy.enabled and policy.salvage and not counts.salvaged and kind_of(engine) in SALVAGES:
        return Decision(Next.SALVAGE, 0.0, engine, f"{error_class}: one lenient pass over the damaged source")
    if following:
        return Decision(Next.NEXT_ENGINE, 0.0, following, f"{error_class}: the next engine may do better")
    return end_of(error_class)


def kind_of(engine: str) -> str:
    """`mediaconvert` of `mediaconvert:eu-west-1`."""
    return engine.partition(":")[0]


def _may_stay(policy: Policy, counts: Counts) -> bool:
    return policy.enabled and counts.same <= policy.tries and not 0 < policy.within_s <= counts.waited_s


def _why_stay(error_class: ErrorClass, policy: Policy, counts: Counts) -> str:
    if error_class is ErrorClass.ACCELERATION:
        return f"{error_class}: once more on the same engine, without acceleration"
    if error_class in COST_NOTHING:
        return f"{error_class}: waits for the same engine, which costs no try"
    return f"{error_class}: try {counts.same} of {policy.tries} more on the same engine"


def _following(error_class: ErrorClass, policy: Policy, chain: Sequence[str], engine: str, tried: frozenset[str]) -> str:
    """Return the engine whose turn would be next; empty when there is none, or none that could do better."""
    if error_class in _SAME_EVERYWHERE or (error_class in _OPERATORS_MOVE and not policy.users_first):
        return ""
    rest = chain[chain.index(engine) + 1 :] if engine in chain else ()
    order = [name for name in policy.engines if name in chain] if policy.enabled and policy.engines else rest
    others = (name for name in order if name != engine and name not in tried)
    if error_class in _SAME_IN_EVERY_REGION:
        others = (name for name in others if kind_of(name) != kind_of(engine))
    return next(others, "")


def end_of(error_class: ErrorClass) -> Decision:
    """Say how a failure ends that no engine is left for."""
    if error_class in _USERS_MOVE:
        return Decision(Next.NEEDS_NEW_FILE, why=f"{error_class}: only another file helps")
    if error_class in _OPERATORS_MOVE:
        return Decision(Next.BLOCKED, why=f"{error_class}: waits until the configuration is put right")
    return Decision(Next.DEAD, why=f"{error_class}: every engine had its tries")
