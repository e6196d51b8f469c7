"""PostgreSQL, the cache and the mail server, each away for some seconds while uploads and conversions go on. A minute each: tests/chaos."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import outages

pytestmark = pytest.mark.stack
SECONDS = 5


@pytest.fixture(scope="module")
def house() -> Iterator[outages.House]:
    with outages.house() as running:
        yield running


def test_some_seconds_without_a_database_lose_nothing(house: outages.House) -> None:
    outages.database_away(house, seconds=SECONDS)


def test_some_seconds_without_the_cache_lose_nothing_and_limits_go_on(house: outages.House) -> None:
    outages.cache_away(house, seconds=SECONDS)


def test_some_seconds_without_a_mail_server_lose_no_letter(house: outages.House) -> None:
    outages.mail_away(house, seconds=SECONDS)
