"""PostgreSQL, the cache and the mail server, each away for a minute while uploads and conversions go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import outages

pytestmark = pytest.mark.chaos
SECONDS = 60


@pytest.fixture(scope="module")
def house() -> Iterator[outages.House]:
    with outages.house() as running:
        yield running


def test_a_minute_without_a_database_loses_nothing(house: outages.House) -> None:
    outages.database_away(house, seconds=SECONDS)


def test_a_minute_without_the_cache_loses_nothing_and_limits_go_on(house: outages.House) -> None:
    outages.cache_away(house, seconds=SECONDS)


def test_a_minute_without_a_mail_server_loses_no_letter(house: outages.House) -> None:
    outages.mail_away(house, seconds=SECONDS)
