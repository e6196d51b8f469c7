from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import RequestFactory

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
