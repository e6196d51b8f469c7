"""What comes after a failure, as a table."""

from __future__ import annotations

import pytest

from processing.classify import ErrorClass
from processing.decide import Counts, Decision, Next, Policy, decide

LOCAL = ["local"]
TWO = ["mediaconvert:eu-west-1", "local"]


def decided(error_class: str, chain: list[str], engine: str, policy: Policy, counts: Counts) -> Decision:
    return decide(ErrorClass(error_class), policy=policy, chain=chain, engine=engine, counts=counts, random=lambda: 1.0)


NONE, TWICE, ONCE_LENIENT = Policy(), Policy(tries=2, base_s=30, cap_s=120), Policy(salvage=True)


@pytest.mark.parametrize(
    ("error_class", "chain", "engine", "policy", "counts", "expected"),
    [
        ("transient", LOCAL, "local", TWICE, Counts(1), (Next.SAME_ENGINE, 30.0, "local")),
        ("transient", LOCAL, "local", TWICE, Counts(2), (Next.SAME_ENGINE, 60.0, "local")),
        ("transient", LOCAL, "local", TWICE, Counts(3), (Next.DEAD, 0.0, "")),
        ("transient", TWO, TWO[0], TWICE, Counts(3), (Next.NEXT_ENGINE, 0.0, "local")),
        ("transient", TWO, "local", TWICE, Counts(3), (Next.DEAD, 0.0, "")),
        ("transient", ["mediaconvert:eu-west-1"], "local", TWICE, Counts(3), (Next.DEAD, 0.0, "")),
        ("stalled", LOCAL, "local", TWICE, Counts(3), (Next.DEAD, 0.0, "")),
        ("capacity", LOCAL, "local", Policy(100, 30, 300), Counts(50), (Next.SAME_ENGINE, 300.0, "local")),
        ("input_corrupt", LOCAL, "local", ONCE_LENIENT, Counts(1), (Next.SALVAGE, 0.0, "local")),
        ("input_corrupt", LOCAL, "local", ONCE_LENIENT, Counts(2, salvaged=True), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("input_corrupt", TWO, TWO[0], NONE, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("input_codec", TWO, TWO[0], NONE, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("output_invalid", LOCAL, "local", NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("input_truncated", TWO, TWO[0], NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("input_no_video", TWO, TWO[0], NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("input_unreadable", TWO, TWO[0], NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("unclassified", LOCAL, "local", Policy(1, 30, 30), Counts(1), (Next.SAME_ENGINE, 30.0, "local")),
        ("unclassified", LOCAL, "local", Policy(1, 30, 30), Counts(2), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("config", LOCAL, "local", NONE, Counts(1), (Next.BLOCKED, 0.0, "")),
        ("config", TWO, TWO[0], NONE, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("iam", LOCAL, "local", NONE, Counts(1), (Next.BLOCKED, 0.0, "")),
        ("dependency", LOCAL, "local", TWICE, Counts(3), (Next.DEAD, 0.0, "")),
        ("poison", TWO, TWO[0], NONE, Counts(1), (Next.DEAD, 0.0, "")),
        ("transient", LOCAL, "local", Policy(2, 30, 120, enabled=False), Counts(1), (Next.DEAD, 0.0, "")),
        ("input_corrupt", LOCAL, "local", Policy(salvage=True, enabled=False), Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
    ],
)
def test_the_next_step(error_class: str, chain: list[str], engine: str, policy: Policy, counts: Counts, expected: tuple[Next, float, str]) -> None:
    found = decided(error_class, chain, engine, policy, counts)
    assert (found.next, found.delay_s, found.engine) == expected
    assert found.why.startswith(error_class)


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_comes_to_an_end(error_class: ErrorClass) -> None:
    policy, salvaged = Policy(tries=3, salvage=True), False
    engine, steps = TWO[0], []
    for same in range(1, 20):
        found = decided(error_class, TWO, engine, policy, Counts(same, salvaged))
        steps.append(found.next)
        salvaged = salvaged or found.next is Next.SALVAGE
        engine = found.engine or engine
        if found.next in (Next.DEAD, Next.BLOCKED, Next.NEEDS_NEW_FILE):
            break
    assert steps[-1] in (Next.DEAD, Next.BLOCKED, Next.NEEDS_NEW_FILE)
    assert steps.count(Next.SALVAGE) <= 1


def test_waits_are_spread() -> None:
    waits = {
        decide(ErrorClass.TRANSIENT, policy=TWICE, chain=LOCAL, engine="local", counts=Counts(1), random=lambda at=at: at / 10).delay_s for at in range(10)
    }
    assert min(waits) == 15.0
    assert len(waits) == 10


THREE = ["mediaconvert:eu-west-1", "mediaconvert:eu-central-1", "local"]


@pytest.mark.parametrize(
    ("engines", "engine", "tried", "expected"),
    [
        (("local", "mediaconvert:eu-central-1"), THREE[0], {THREE[0]}, "local"),
        (("local", "mediaconvert:eu-central-1"), "local", {THREE[0], "local"}, THREE[1]),
        (("mediaconvert:eu-west-1", "local"), "local", {"local"}, THREE[0]),
        (("elsewhere", "local"), THREE[0], {THREE[0]}, "local"),
        ((), THREE[0], {THREE[0]}, THREE[1]),
    ],
)
def test_a_policy_may_name_the_order_of_engines(engines: tuple[str, ...], engine: str, tried: set[str], expected: str) -> None:
    found = decided("transient", THREE, engine, Policy(engines=engines), Counts(1, tried=frozenset(tried)))
    assert (found.next, found.engine) == (Next.NEXT_ENGINE, expected)


def test_once_every_engine_of_the_order_had_its_turn_nothing_more_is_tried() -> None:
    found = decided("transient", THREE, "local", Policy(engines=("local",)), Counts(1, tried=frozenset({"local"})))
    assert found.next == Next.DEAD


def test_jitter_is_the_policys() -> None:
    found = decide(ErrorClass.TRANSIENT, policy=Policy(2, 30, 120, jitter=0.2), chain=LOCAL, engine="local", counts=Counts(1), random=lambda: 0.0)
    assert found.delay_s == 24.0
