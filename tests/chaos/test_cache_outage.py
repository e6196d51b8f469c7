"""The cache server is frozen, killed and started again under a running system: everybody is answered, /readyz says so, and it is well by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests import media
from tests.cache.conftest import Valkey
from tests.stack.client import Upload
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.chaos


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.thaw()
    server.kill()


def test_nobody_notices_that_the_cache_server_goes_and_comes(valkey: Valkey) -> None:
    with System(CACHE_URL=valkey.url, CACHE_CHECK_SECONDS="1", RATE_LIMITS="yes") as system:
        assert cache_of(system) == "ok"
        for lose, give_back in ((valkey.freeze, valkey.thaw), (valkey.kill, valkey.start)):
            lose()
            upload = Upload(system.url, system.token, media.clip(), name="film.mp4")
            assert upload.create().status_code == 201
            upload.send(seconds=60)
            assert [system.get("/api/v1/videos").status_code for _ in range(5)] == [200] * 5
            wait_for(lambda: all(cache_of(system) == "degraded" for _ in range(4)), seconds=60, what="every process says that it counts for itself")
            assert requests.get(f"{system.url}/readyz", timeout=30).status_code == 200
            give_back()
            wait_for(lambda: all(cache_of(system) == "ok" for _ in range(4)), seconds=60, what="every process uses the server again")
            system.wait_for_state(upload.video, "ready", seconds=120)
        assert '"well": true' in system.command("sync_cache", "--json")
        assert valkey.ask("DBSIZE") > 0, "what was counted meanwhile is there, in a server that was empty"


def cache_of(system: System) -> str:
    """What one of the web processes says of its cache."""
    return str(requests.get(f"{system.url}/readyz", timeout=30).json()["parts"]["cache"]["status"])
