"""The cache of one process: as Django's own caches behave, bounded, and with the last word on every key kept for the server."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache.backends.redis import RedisSerializer

from resilience.cache.journal import Kind
from resilience.cache.local import LocalSide
from resilience.cache.standin import ENTRY_BYTES, Standin


def side(**limits: int) -> LocalSide:
    return LocalSide(RedisSerializer(), **{"most_entries": 100, "most_bytes": 10_000, "most_waiting": 100, **limits})


def words(local: LocalSide) -> dict[str, Any]:
    return {entry.key: (entry.kind, entry.value if type(entry.value) is int else None, entry.delta) for entry in local.take(1000)}


def test_it_does_what_a_cache_does() -> None:
    local = side()
    assert local.get("a", "none") == "none"
    local.set("a", {"x": [1]}, 60)
    assert (local.get("a", None), local.has_key("a")) == ({"x": [1]}, True)
    assert (local.add("a", 1, 60), local.add("n", 1, 60), local.incr("n", 4)) == (False, True, 5)
    assert local.get_many(["a", "n", "z"]) == {"a": {"x": [1]}, "n": 5}
    assert (local.delete("a"), local.delete("a"), local.touch("a", 60), local.touch("n", 60)) == (True, False, False, True)
    local.set_many({"p": 1, "q": None}, 60)
    assert local.get_many(["p", "q"]) == {"p": 1, "q": None}
    local.delete_many(["p"])
    local.set("q", 1, 0)
    assert (local.has_key("p"), local.has_key("q"), local.clear(), local.has_key("n")) == (False, False, True, False)
    with pytest.raises(ValueError, match="not found"):
        local.incr("z", 1)
    local.set("text", "x", None)
    with pytest.raises(ValueError, match="no number"):
        local.incr("text", 1)


def test_what_has_ended_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    local, now = side(), [100.0]
    monkeypatch.setattr("resilience.cache.local.time.monotonic", lambda: now[0])
    local.set("a", "x", 60)
    local.set("for ever", "x", None)
    now[0] += 60
    assert (local.get("a", None), local.add("a", 1, 60), local.get("for ever", None)) == (None, True, "x")


def test_what_was_used_longest_ago_makes_room() -> None:
    held = Standin(most_entries=2, most_bytes=10_000)
    for key in ("a", "b"):
        held.put(key, 1, ends=None)
    held.find("a", now=0)
    held.put("c", 1, ends=None)
    assert [key for key in "abc" if held.find(key, now=0)] == ["a", "c"]


def test_its_size_is_bounded_whatever_is_put_in() -> None:
    held = Standin(most_entries=1000, most_bytes=10 * ENTRY_BYTES)
    for number in range(50):
        held.put(str(number), b"x" * (number * 20), ends=None)
        assert held.bytes <= 10 * ENTRY_BYTES
    held.put("too large for all of it", b"x" * 10_000, ends=None)
    assert (len(held), held.bytes) == (0, 0)


def test_the_last_word_on_each_key_waits_for_the_server() -> None:
    local = side()
    local.set("put", "x", 60)
    local.set("put", "y", 60)
    local.add("added", "x", 60)
    local.add("counted", 1, 60)
    local.incr("counted", 1)
    local.set("number", 10, 60)
    local.incr("number", 5)
    local.set("gone", "x", 60)
    local.delete("gone")
    local.delete("again")
    local.add("again", "x", 60)
    assert words(local) == {
        "put": (Kind.PUT, None, 0), "added": (Kind.ADD, None, 0), "counted": (Kind.COUNT, 2, 1), "number": (Kind.PUT, 15, 5),
        "gone": (Kind.DELETE, None, 0), "again": (Kind.PUT, None, 0),
    }  # fmt: skip


def test_counters_go_on_from_what_the_server_last_said() -> None:
    local = side()
    local.learn("add", True, ("mine", 1, 60))
    local.learn("add", False, ("theirs", 1, 60))
    local.learn("incr", 42, ("theirs", 1))
    assert (local.incr("mine", 1), local.incr("theirs", 1)) == (2, 43)
    assert words(local) == {"mine": (Kind.COUNT, 2, 1), "theirs": (Kind.COUNT, 43, 1)}


def test_values_the_server_may_have_changed_since_are_not_remembered() -> None:
    local = side()
    local.learn("add", True, ("n", 1, 60))
    local.learn("set", None, ("n", "x", 60))
    assert not local.has_key("n")
    assert words(local) == {}, "what the server has done waits for nobody"


def test_of_too_many_the_oldest_is_forgotten_and_counted() -> None:
    local = side(most_waiting=3)
    for number in range(5):
        local.set(str(number), number, 60)
    assert list(words(local)) == ["2", "3", "4"]
    assert local.figures()["forgotten"] == 2


def test_what_was_taken_and_not_said_comes_again_unchanged_before_anything_newer() -> None:
    local = side()
    local.add("n", 1, 60)
    taken = local.take(10)
    local.incr("n", 1)
    assert local.take(10) == taken
    assert local.waiting() == 2
    local.said()
    assert [(entry.kind, entry.value, entry.delta) for entry in local.take(10)] == [(Kind.COUNT, 2, 1)]


def test_clearing_makes_everything_before_it_not_worth_saying() -> None:
    local = side()
    local.set("a", 1, 60)
    local.take(10)
    local.clear()
    local.set("b", 1, 60)
    assert local.must_clear()
    assert list(words(local)) == ["b"]
