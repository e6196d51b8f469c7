"""What comes after a failure, as a table."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.classify import ErrorClass
from processing.decide import Counts, Decision, Next, Policy, decide

LOCAL = ["local"]
TWO = ["mediaconvert:eu-west-1", "local"]


def decided(error_class: str, chain: list[str], engine: str, policy: Policy, counts: Counts) -> Decision:
    return decide(ErrorClass(error_class), policy=policy, chain=chain, engine=engine, counts=counts, random=lambda: 1.0, transient=TWICE)


THREE = ["mediaconvert:eu-west-1", "mediaconvert:eu-central-1", "local"]
PATIENT = Policy(1000, 30, 300, jitter=1.0, within_s=6 * 3600, next_after_s=600)
ONE_MINUTE, OPERATORS_FIRST = Policy(1, 60, 60), Policy(1, 60, 60, users_first=False)
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
        ("iam", THREE, THREE[0], ONE_MINUTE, Counts(1), (Next.SAME_ENGINE, 60.0, THREE[0])),
        ("iam", THREE, THREE[0], ONE_MINUTE, Counts(2), (Next.NEXT_ENGINE, 0.0, "local")),
        ("iam", THREE, THREE[0], OPERATORS_FIRST, Counts(2), (Next.BLOCKED, 0.0, "")),
        ("config", THREE, THREE[0], NONE, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("config", THREE, THREE[0], Policy(users_first=False), Counts(1), (Next.BLOCKED, 0.0, "")),
        ("config", THREE[:2], THREE[0], NONE, Counts(1), (Next.BLOCKED, 0.0, "")),
        ("transient", THREE, THREE[0], TWICE, Counts(3), (Next.NEXT_ENGINE, 0.0, THREE[1])),
        ("transient", THREE, THREE[1], TWICE, Counts(3), (Next.NEXT_ENGINE, 0.0, "local")),
        ("stalled", THREE, THREE[0], TWICE, Counts(3), (Next.NEXT_ENGINE, 0.0, THREE[1])),
        ("dependency", THREE, THREE[0], TWICE, Counts(3), (Next.NEXT_ENGINE, 0.0, THREE[1])),
        ("input_codec", THREE, THREE[0], NONE, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("input_codec", THREE[:2], THREE[0], NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("input_corrupt", THREE, THREE[0], ONCE_LENIENT, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("input_corrupt", THREE, "local", ONCE_LENIENT, Counts(1), (Next.SALVAGE, 0.0, "local")),
        ("input_corrupt", THREE[:2], THREE[0], ONCE_LENIENT, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
        ("output_invalid", THREE, THREE[0], ONCE_LENIENT, Counts(1), (Next.NEXT_ENGINE, 0.0, "local")),
        ("unclassified", THREE, THREE[0], ONE_MINUTE, Counts(1), (Next.SAME_ENGINE, 60.0, THREE[0])),
        ("unclassified", THREE, THREE[0], ONE_MINUTE, Counts(2), (Next.NEXT_ENGINE, 0.0, "local")),
        ("acceleration", THREE, THREE[0], Policy(1, 1, 1), Counts(1), (Next.SAME_ENGINE, 1.0, THREE[0])),
        ("acceleration", THREE, THREE[0], Policy(1, 1, 1), Counts(2), (Next.SAME_ENGINE, 30.0, THREE[0])),
        ("acceleration", THREE, THREE[0], Policy(1, 1, 1), Counts(3), (Next.SAME_ENGINE, 60.0, THREE[0])),
        ("acceleration", THREE, THREE[0], Policy(1, 1, 1), Counts(4), (Next.NEXT_ENGINE, 0.0, THREE[1])),
        ("throttled", THREE, THREE[0], PATIENT, Counts(1), (Next.SAME_ENGINE, 30.0, THREE[0])),
        ("throttled", THREE, THREE[0], PATIENT, Counts(9, waited_here_s=599, waited_s=599), (Next.SAME_ENGINE, 300.0, THREE[0])),
        ("throttled", THREE, THREE[0], PATIENT, Counts(9, waited_here_s=600, waited_s=600), (Next.NEXT_ENGINE, 0.0, THREE[1])),
        ("capacity", THREE, THREE[1], PATIENT, Counts(2, waited_here_s=601, waited_s=1300), (Next.NEXT_ENGINE, 0.0, "local")),
        ("capacity", THREE, "local", PATIENT, Counts(40, waited_here_s=7000, waited_s=9000), (Next.SAME_ENGINE, 300.0, "local")),
        ("capacity", THREE, "local", PATIENT, Counts(90, waited_here_s=9000, waited_s=21_600), (Next.DEAD, 0.0, "")),
        ("input_truncated", THREE, THREE[0], NONE, Counts(1), (Next.NEEDS_NEW_FILE, 0.0, "")),
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
        decide(ErrorClass.TRANSIENT, policy=TWICE, chain=LOCAL, engine="local", counts=Counts(1), random=partial(float, at / 10)).delay_s for at in range(10)
    }
    assert min(waits) == 15.0
    assert len(waits) == 10


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


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(
    chain=st.permutations([*THREE, "mediaconvert:us-east-1"]).flatmap(lambda engines: st.integers(1, 4).map(lambda most: engines[:most])),
    policies=st.fixed_dictionaries(
        {
            error_class: st.builds(
                Policy, tries=st.integers(0, 4), base_s=st.just(1.0), cap_s=st.just(300.0), salvage=st.booleans(), enabled=st.booleans(),
                jitter=st.floats(0, 1), engines=st.lists(st.sampled_from([*THREE, "nobody"]), max_size=3).map(tuple),
                within_s=st.sampled_from([0.0, 900.0]), next_after_s=st.sampled_from([0.0, 100.0]), users_first=st.booleans(),
            )
            for error_class in ErrorClass
        }
    ),
    failures=st.lists(st.sampled_from(list(ErrorClass)), min_size=1),
    chance=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_whatever_fails_it_ends_within_the_policies_and_stays_in_the_chain(
    chain: list[str], policies: dict[ErrorClass, Policy], failures: list[ErrorClass], chance: float
) -> None:
    engine, tried, salvaged = chain[0], {chain[0]}, False
    failed: dict[tuple[str, ErrorClass], int] = {}
    for step in range(1000):
        error_class = failures[step % len(failures)]
        seen = failed[engine, error_class] = failed.get((engine, error_class), 0) + 1
        counts = Counts(seen, salvaged, frozenset(tried), waited_here_s=10.0 * seen, waited_s=10.0 * step)
        policy = policies[error_class]
        transient = policies[ErrorClass.TRANSIENT]
        found = decide(error_class, policy=policy, chain=chain, engine=engine, counts=counts, random=lambda: chance, transient=transient)
        if found.next in (Next.DEAD, Next.BLOCKED, Next.NEEDS_NEW_FILE):
            assert found.engine == ""
            return
        assert found.engine in chain
        assert 0 <= found.delay_s <= 300
        if found.next is Next.SAME_ENGINE:
            more = policies[ErrorClass.TRANSIENT].tries if error_class is ErrorClass.ACCELERATION else 0
            assert (found.engine, seen <= policy.tries + more) == (engine, True)
        if found.next is Next.SALVAGE:
            assert (found.engine, salvaged) == ("local", False)
            salvaged = True
        if found.next is Next.NEXT_ENGINE:
            assert found.engine not in tried
            engine = found.engine
            tried.add(engine)
    raise AssertionError("it never ended")


def test_jitter_is_the_policys() -> None:
    found = decide(ErrorClass.TRANSIENT, policy=Policy(2, 30, 120, jitter=0.2), chain=LOCAL, engine="local", counts=Counts(1), random=lambda: 0.0)
    assert found.delay_s == 24.0
