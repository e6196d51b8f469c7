"""A cache whose server is killed, frozen, unreachable or back: calls go on, and what was written meanwhile is made good."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resilience.cache.link import LinkState
from resilience.cache.server import Server
from resilience.cache.wire import NAMES, Names, within
from tests.cache.conftest import Valkey
from tests.proxy import Proxy

Make = Callable[..., Server]


@contextmanager
def unanswering() -> Iterator[int]:
    """A port where connections are never taken: the line to it is full, as behind a firewall that says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_with_a_server_calls_go_to_the_server(valkey: Valkey, make_server: Make) -> None:
    ours, other = make_server(valkey.url), make_server(valkey.url)
    ours.set(":1:a", {"x": 1}, 60)
    assert other.get(":1:a", None) == {"x": 1}
    assert (other.add(":1:n", 1, 60), ours.incr(":1:n", 1), other.incr(":1:n", 1)) == (True, 2, 3)
    assert (ours.link.state, ours.local.waiting()) == (LinkState.CONNECTED, 0)
    with pytest.raises(ValueError, match="not found"):
        ours.incr(":1:nothing", 1)
    assert ours.link.is_up, "a wrong call says nothing of the server"


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_without_its_server_calls_go_on_and_counters_with_them(valkey: Valkey, make_server: Make, how: str) -> None:
    ours = make_server(valkey.url)
    ours.add(":1:n", 1, 60)
    ours.incr(":1:n", 1)
    valkey.kill() if how == "kill" else valkey.freeze(ours)
    assert ours.incr(":1:n", 1) == 3, "it goes on from what the server last said"
    assert ours.link.state is LinkState.RECONNECTING
    ours.set(":1:a", "x", 60)
    assert ours.get(":1:a", None) == "x"
    assert [ours.look() for _ in range(3)] == [False] * 3
    assert ours.link.state is LinkState.FALLBACK
    assert ours.incr(":1:n", 1) == 4
    valkey.start() if how == "kill" else valkey.thaw(ours)
    assert ours.look() is True
    assert (ours.link.state, ours.local.waiting()) == (LinkState.CONNECTED, 0)
    assert make_server(valkey.url).get_many([":1:n", ":1:a"]) == {":1:n": 4, ":1:a": "x"}
    assert ours.incr(":1:n", 1) == 5
    assert valkey.ask("TTL", ":1:n") > 0, "a counter must not live for ever"


def test_an_address_that_never_answers_costs_one_call_its_budget_and_no_other_anything(make_server: Make) -> None:
    with unanswering() as port:
        ours = make_server(f"redis://127.0.0.1:{port}/0", budget=0.2)
        ours.set("a", 1, 60)
        assert ours.link.state is LinkState.RECONNECTING
        for _ in range(1000):  # each would take the whole budget, and all of them minutes
            assert ours.get("a", None) == 1
        assert ours.look() is False


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(make_server: Make) -> None:
    """Each single read is quick enough; together they would never end."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"$1000000000\r\n")
            while not over.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        try:
            ours = make_server(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", budget=0.2)
            assert ours.get("a", "none") == "none"
            assert "no time is left" in ours.last_error or "Timeout" in ours.last_error
        finally:
            over.set()
            dripping.join(60)


def test_a_name_service_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, make_server: Make) -> None:
    answered = threading.Event()
    real = socket.getaddrinfo

    def hangs(host: str, port: int, *rest: Any, flags: int = 0) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror("a name")
        answered.wait(60)
        return real("127.0.0.1", port, *rest)

    monkeypatch.setattr("resilience.cache.wire.socket.getaddrinfo", hangs)
    monkeypatch.setattr("resilience.cache.wire.NAMES", Names())
    ours = make_server("redis://cache.example:1/0", budget=0.2)
    try:
        ours.set("a", 1, 60)
        assert "Timeout" in ours.last_error, "it was not waited for"
    finally:
        answered.set()


def test_a_name_that_was_known_is_used_while_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, ("192.0.2.1", 6379))]
    names._known[("cache.example", 6379)] = (float("-inf"), found)
    monkeypatch.setattr("resilience.cache.wire._look_up", lambda host, port, flags: (_ for _ in ()).throw(socket.gaierror("away")))
    with within(10):
        assert names.addresses("cache.example", 6379) == found
    with within(10), pytest.raises(OSError, match="no address"):
        names.addresses("other.example", 6379)
    assert NAMES is not names


def test_two_processes_that_were_away_add_up(valkey: Valkey, make_server: Make) -> None:
    one, two = make_server(valkey.url), make_server(valkey.url)
    one.add("n", 1, 60)
    assert two.add("n", 1, 60) is False
    two.incr("n", 1)
    valkey.freeze(one, two)
    one.incr("n", 10)
    two.incr("n", 100)
    valkey.thaw(one, two)
    assert (one.look(), two.look()) == (True, True)
    assert one.get("n", None) == 112


def test_a_server_that_came_back_empty_is_given_the_counts_and_every_process_adds_its_own(valkey: Valkey, make_server: Make) -> None:
    one, two = make_server(valkey.url), make_server(valkey.url)
    one.add("n", 1, 60)
    two.add("n", 1, 60)
    two.incr("n", 1)
    valkey.kill()
    one.incr("n", 10)
    two.incr("n", 100)
    valkey.start()
    assert (one.look(), two.look()) == (True, True)
    assert one.get("n", None) in (111, 112), "one began with the 1 it knew of, the other added its 100"


def test_the_newest_value_wins(valkey: Valkey, make_server: Make) -> None:
    with Proxy(("127.0.0.1", valkey.port)) as line:
        away, there = make_server(f"redis://127.0.0.1:{line.port}/0"), make_server(valkey.url)
        there.set("older there", "theirs", 100)
        away.get("anything", None)
        line.refuse()
        away.set("older here", "ours", 50)
        away.set("older there", "ours", 150)
        away.set("only here", "ours", 60)
        away.set("gone here", "x", 60)
        away.delete("gone here")
        away.add("added", "ours", 60)
        there.set("older here", "theirs", 100)
        there.set("gone here", "theirs", 60)
        there.set("added", "theirs", 60)
        line.mend()
        assert away.look() is True
        assert away.get_many(["older there", "older here", "only here", "gone here", "added"]) == {
            "older there": "ours", "older here": "theirs", "only here": "ours", "added": "theirs",
        }  # fmt: skip
        assert away.told["older"] == 2


def test_what_has_ended_meanwhile_is_not_told(valkey: Valkey, make_server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = make_server(valkey.url)
    valkey.freeze(ours)
    ours.get("anything", None)
    ours.set("short", "x", 5)
    valkey.thaw(ours)
    monkeypatch.setattr("resilience.cache.push.time.monotonic", lambda real=time.monotonic: real() + 10)
    assert ours.look() is True
    assert (ours.told["ended"], valkey.ask("EXISTS", "short")) == (1, 0)


def test_counts_whose_answer_was_lost_are_told_again_and_counted_once(valkey: Valkey, make_server: Make) -> None:
    with Proxy(("127.0.0.1", valkey.port)) as line:
        ours = make_server(f"redis://127.0.0.1:{line.port}/0")
        ours.add("n", 1, 60)
        line.refuse()
        ours.incr("n", 10)
        line.mend()
        line.cut_after(b"EVALSHA", passed=True)
        assert ours.look() is False
        assert ours.local.waiting() == 1
        ours.incr("n", 100)
        assert ours.look() is True
        assert (ours.get("n", None), ours.told["again"]) == (111, 1)


def test_a_server_that_refuses_writes_is_treated_as_away(valkey: Valkey, make_server: Make) -> None:
    ours = make_server(valkey.url)
    valkey.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        ours.set("a", "x", 60)
        assert ours.link.state is LinkState.RECONNECTING
        assert ours.get("a", None) == "x"
    finally:
        valkey.ask("CONFIG", "SET", "maxmemory", "0")
    assert ours.look() is True
    assert ours.get("a", None) == "x"


def test_a_cleared_cache_is_cleared_at_the_server_too(valkey: Valkey, make_server: Make) -> None:
    ours = make_server(valkey.url)
    ours.set("a", 1, 60)
    valkey.freeze(ours)
    ours.clear()
    ours.set("b", 2, 60)
    valkey.thaw(ours)
    assert ours.look() is True
    assert ours.get_many(["a", "b"]) == {"b": 2}
