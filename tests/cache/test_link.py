"""When the cache server is used and when it is tried again: three tries in quick succession, then a look now and then."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.cache.link import PAUSES, TRIES, Link, LinkState


def test_three_tries_in_quick_succession_and_then_a_look_now_and_then() -> None:
    link = Link(check_seconds=30)
    assert link.lost(100.0) is True
    assert (link.state, link.next_look) == (LinkState.RECONNECTING, 100.1)
    assert link.looked(100.1, well=False) is False
    assert link.next_look == 100.6
    assert link.looked(100.6, well=False) is False
    assert link.next_look == 102.6
    assert link.looked(102.6, well=False) is True
    assert (link.state, link.next_look) == (LinkState.FALLBACK, 132.6)
    assert link.looked(132.6, well=False) is False
    assert link.next_look == 162.6
    assert link.looked(162.6, well=True) is True
    assert (link.state, link.since, link.next_look) == (LinkState.CONNECTED, 162.6, 192.6)


def test_a_check_that_fails_is_a_loss_and_a_second_loss_is_no_news() -> None:
    link = Link(check_seconds=30)
    assert link.looked(0.0, well=True) is False
    assert link.looked(30.0, well=False) is True
    assert link.lost(30.01) is False
    assert link.next_look == 30.0 + PAUSES[0], "calls that fail later do not put the try off"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["lost", "well", "badly"]), max_size=40))
def test_whatever_happens_there_is_a_next_look_and_a_good_one_connects(steps: list[str]) -> None:
    link, now = Link(check_seconds=30), 0.0
    for step in steps:
        now = max(now, link.next_look) if step != "lost" else now + 0.01
        if step == "lost":
            link.lost(now)
        else:
            link.looked(now, well=step == "well")
        assert link.next_look <= now + 30
        assert link.is_up or link.next_look > 0
        assert step != "well" or link.is_up
        assert link.tries <= TRIES or link.state is LinkState.FALLBACK
