from __future__ import annotations

from collections.abc import Iterator

import pytest

from .api import Api, Desk, serving


@pytest.fixture(scope="session")
def api_server() -> Iterator[Api]:
    with serving(Desk()) as api:
        yield api


@pytest.fixture
def api(api_server: Api) -> Iterator[Api]:
    """The emulator's API in this process, with a worker that does what the test tells it."""
    api_server.clear()
    yield api_server
    api_server.clear()
