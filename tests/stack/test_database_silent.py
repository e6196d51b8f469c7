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
FIRST = 100_000  # bytes sent while all is well


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
        super().__init__(os.environ["DATABASE_URL"], RATE_LIMITS="no", DATABASE_STATEMENT_SECONDS="2", DATABASE_POOL_SECONDS="1")
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
        wait_for(lambda: goes_on(server, address, FIRST), seconds=60, what="the first part is kept")
        videos = f"{server.url}/api/v1/videos"
        wait_for(lambda: requests.get(videos, headers=signed_in, timeout=60).status_code == 200, seconds=60, what="it is served")

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
        wait_for(lambda: goes_on(server, address, len(BODY), least=FIRST), seconds=60, what="the upload is gone on with to its end", every=0.5)
        [stored] = [path for path in server.uploads.rglob("*") if path.is_file() and path.stat().st_size == len(BODY)]
        assert stored.read_bytes() == BODY


def goes_on(server: Server, address: str, end: int, *, least: int = 0) -> bool:
    """Send what is missing up to `end`, as a client does: a 503 means to come again, and never to before `least`."""
    asked = server.head(address)
    if asked.status_code != 200:
        assert asked.status_code in (503, 423)
        return False
    offset = int(asked.headers["Upload-Offset"])
    assert offset >= least
    if offset < end:
        assert server.patch(address, offset, BODY[offset:end]).status_code in (204, 503, 423)
        return False
    return True
