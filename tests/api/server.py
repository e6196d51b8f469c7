"""The real web server over the test database, and a plain client of its event stream."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from django.contrib.auth.models import User
from django.db import connection
from knox.models import AuthToken

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url() -> str:
    """The address of the database that pytest-django made, whatever server it is on."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path="/" + quote(str(connection.settings_dict["NAME"]))).geturl()


class Server:
    """gunicorn as in production, one worker, on a free port. Use as a context manager."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.log = log
        self.environment = {
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "WEB_WORKERS": "1",
            "HOLDFAST_ROLE": "web",
            "DATABASE_URL": database_url(),
            "DATABASE_POOL": "2",
            "RATE_LIMITS": "no",
            "LOG_LEVEL": "INFO",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.streams: list[EventStream] = []

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | self.environment, stdout=out, stderr=out, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise AssertionError(f"the server did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.hang_up()
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)

    def _answers(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            asked.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = asked.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            asked.close()

    def stream(self, user: User, *, last_event_id: int | None = None, timeout: float = 60.0) -> EventStream:
        stream = EventStream(self.port, token_of(user), last_event_id=last_event_id, timeout=timeout)
        self.streams.append(stream)
        return stream

    def hang_up(self) -> None:
        for stream in self.streams:
            stream.close()
        self.streams.clear()


def token_of(user: User) -> str:
    return str(AuthToken.objects.create(user=user)[1])


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    kind: str
    data: dict[str, Any]


class EventStream:
    """Reads one stream, message by message. Raises TimeoutError when nothing comes in time."""

    def __init__(self, port: int, token: str, *, last_event_id: int | None, timeout: float) -> None:
        self.retries: list[int] = []
        self.comments = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        headers = {"Authorization": f"Token {token}", "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        self._connection.request("GET", "/api/v1/events", headers=headers)
        self._socket = self._connection.sock  # http.client forgets it when the answer says "close"
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def next(self) -> Message | None:
        """Return the next message, or None when the stream has ended."""
        fields: dict[str, str] = {}
        while raw := self.answer.readline():
            line = raw.decode().rstrip("\n")
            if not line and fields.keys() >= {"id", "event", "data"}:
                return Message(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            if not line:
                fields = {}
            elif line.startswith(":"):
                self.comments += 1
            else:
                name, _, value = line.partition(": ")
                fields[name] = value
                if name == "retry":
                    self.retries.append(int(value))
        return None

    def take(self, count: int) -> list[Message]:
        found = [self.next() for _ in range(count)]
        assert None not in found
        return [message for message in found if message is not None]

    def close(self) -> None:
        """Hang up at once, as a closed tab does."""
        if self._socket is not None:
            self._socket.close()
        self.answer.close()
        self._connection.close()
