"""A database that takes every question and answers none: people are told within the limits, and served again when it speaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
import requests

from tests.proxy import Proxy, Upstream
from tests.stack.system import wait_for
from tests.uploads.server import Server

pytestmark = pytest.mark.stack
BODY = os.urandom(300_000)


def upstream_of(url: str) -> Upstream:
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    return f"{folder}/.s.PGSQL.{parts.port or 5432}" if folder else (parts.hostname or "127.0.0.1", parts.port or 5432)


@pytest.fixture
def line() -> Iterator[Proxy]:
    with Proxy(upstream_of(os.environ["DATABASE_URL"])) as proxy:
        yield proxy


class Proxied(Server):
    """Its web server asks the database over a line; the test itself asks it directly."""

    def __init__(self, line: Proxy) -> None:
        super().__init__(os.environ["DATABASE_URL"], RATE_LIMITS="no", DATABASE_STATEMENT_SECONDS="1", DATABASE_POOL_SECONDS="1")
        self.line = line

    def start(self, *, workers: int = 1) -> None:
        parts = urlsplit(self.database_url)
        person = parts.netloc.rpartition("@")[0]
        address = urlunsplit(parts._replace(netloc=f"{person}@127.0.0.1:{self.line.port}", query=""))
        self.environment = self.environment | {"DATABASE_URL": address}
        super().start(workers=workers)


def test_a_silent_database_is_said_and_everything_goes_on_when_it_speaks(line: Proxy) -> None:
    with Proxied(line) as server:
        signed_in = {"Authorization": f"Token {server.token}"}
        address = server.address(server.create(len(BODY)))
        assert server.patch(address, 0, BODY[:100_000]).status_code == 204
        videos = f"{server.url}/api/v1/videos"
        assert requests.get(videos, headers=signed_in, timeout=60).status_code == 200

        line.blackhole()
        for _ in range(2):  # over a connection that was good, then over a new one
            answer = requests.get(videos, headers=signed_in, timeout=60)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200
        assert server.head(address).status_code in (503, 423)

        line.mend()
        wait_for(lambda: requests.get(videos, headers=signed_in, timeout=60).status_code == 200, seconds=60, what="it is served again", every=0.5)
        wait_for(lambda: server.head(address).status_code == 200, seconds=60, what="the upload can go on", every=0.5)
        assert server.offset(address) == 100_000
        assert server.patch(address, 100_000, BODY[100_000:]).status_code == 204
        [stored] = [path for path in server.uploads.rglob("*") if path.is_file() and path.stat().st_size == len(BODY)]
        assert stored.read_bytes() == BODY
