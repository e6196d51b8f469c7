"""Django's cache over it: one server and one keeper per process, rate limits that count through a failover, children that begin anew."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache, caches
from django.test import RequestFactory

from resilience.cache import keeper
from resilience.cache.link import LinkState
from resilience.cache.server import Server
from resilience.http.limits import seconds_to_wait
from tests.cache.conftest import PATIENT_SECONDS, Valkey, until

pytestmark = pytest.mark.usefixtures("_keepers_end")


@pytest.fixture
def shared(settings: Any, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Valkey:
    window = int(time.time()) + 900
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: window)  # or a quarter of an hour ends in the middle of a test
    settings.CACHES = {
        "default": {"BACKEND": "resilience.cache.backend.FailoverCache", "LOCATION": valkey.url, "OPTIONS": {"check_seconds": 1.0, "budget": PATIENT_SECONDS}}
    }
    settings.RATE_LIMITS = settings.RATELIMIT_ENABLE = True
    return valkey


def the_server() -> Server:
    [server] = keeper.kept_servers()
    return server


def sign_in() -> int:
    """Count a try to sign in; of five in a quarter of an hour each may go on. Return the seconds to wait."""
    request = RequestFactory().post("/", REMOTE_ADDR="127.0.0.1")
    request.user = AnonymousUser()
    return seconds_to_wait(request, "login")


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_rate_limits_count_on_through_a_failover_and_back(shared: Valkey, how: str) -> None:
    assert [sign_in() for _ in range(3)] == [0, 0, 0]
    shared.kill() if how == "kill" else shared.freeze(the_server())
    assert [sign_in() for _ in range(2)] == [0, 0]
    assert sign_in() > 0, "three at the server and two here are five"
    shared.start() if how == "kill" else shared.thaw(the_server())
    until(lambda: the_server().link.is_up and not the_server().local.waiting())
    assert sign_in() > 0
    keeper.stop_all()
    assert sign_in() > 0, "another process counts from the same number"


def test_every_thread_stands_on_the_same_server(shared: Valkey) -> None:
    failures: list[BaseException] = []
    cache.set("n", 0, 60)

    def count() -> None:
        try:
            for _ in range(50):
                cache.incr("n")
            caches["default"].close()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(keeper.kept_servers()) == 1
    until(lambda: cache.get("n") == 400)


def test_threads_that_count_while_the_server_goes_and_comes_lose_nothing(shared: Valkey) -> None:
    """Killed and back empty: what was counted in this process is all there."""
    cache.add("n", 0, 600)
    over, counted = threading.Event(), [0] * 4

    def count(number: int) -> None:
        while not over.is_set():
            cache.incr("n")
            counted[number] += 1

    threads = [threading.Thread(target=count, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: sum(counted) > 200)
        shared.kill()
        lost = sum(counted)
        until(lambda: sum(counted) > lost + 200)
        shared.start()
        until(lambda: the_server().link.is_up)
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    until(lambda: not the_server().local.waiting())
    assert cache.get("n") >= sum(counted) - 4, "of each thread the call under way when the server died may be unknown"


def test_a_child_has_its_own_and_tells_nothing_twice(shared: Valkey) -> None:
    cache.add("n", 0, 60)
    shared.kill()
    cache.incr("n")
    assert the_server().local.waiting() == 1
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # sys.exit would end the test run a second time
        kept = len(keeper.kept_servers())
        cache.set("a", 1, 60)
        os.write(write, json.dumps([kept, the_server().local.waiting(), cache.get("a")]).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert json.loads(os.read(read, 1000)) == [0, 1, 1]
    os.close(read)


def test_the_keeper_says_on_disk_how_it_is(shared: Valkey, tmp_path: Any) -> None:
    shared.kill()
    cache.set("a", 1, 60)
    report = tmp_path / "run" / "cache" / f"{os.getpid()}.json"
    until(lambda: report.exists() and json.loads(report.read_text())["state"] == LinkState.FALLBACK)
    assert json.loads(report.read_text())["waiting"] == 1
    assert "ConnectionError" in json.loads(report.read_text())["error"]
    keeper.stop_all()
    assert not report.exists()


def test_a_keeper_survives_whatever_a_round_raises(shared: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set("a", 1, 60)
    real, raised = Server.look, threading.Event()

    def look(self: Server) -> bool:
        if not raised.is_set():
            raised.set()
            raise RuntimeError("unforeseen")
        return real(self)

    monkeypatch.setattr(Server, "look", look)
    shared.kill()
    cache.get("a")
    assert raised.wait(60)
    shared.start()
    until(lambda: the_server().link.is_up)
