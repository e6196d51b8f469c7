"""One HTTP/1.1 request over a socket of its own, which can be sent in part, dropped, and answered while it is still being sent."""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

SECONDS = 10.0
PIECE = 64 * 2**10


class NoAnswer(Exception):
    """The connection ended, or the time was up, before there was an answer."""


@dataclass
class Answer:
    """`interim` holds the 1xx answers that came before; `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[int] = field(default_factory=list)

    @property
    def problem_code(self) -> str:
        """The catalogue code of a problem in the body; empty when it is none of ours."""
        return str(self._problem().get("code", ""))

    @property
    def detail(self) -> str:
        """What the server says about a refusal, in its own words."""
        return str(self._problem().get("detail", ""))

    def _problem(self) -> dict[str, Any]:
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return {}
        try:
            found: Any = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Line:
    """Use with `with`; leaving it closes the connection, however much was sent.

    Raises:
        OSError: nobody listens there, or the certificate is wrong.
    """

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.host = parts.netloc.rpartition("@")[2]
        plain = socket.create_connection((parts.hostname or "", port), timeout=SECONDS)
        self._socket = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) if parts.scheme == "https" else plain
        self._socket.settimeout(SECONDS)
        self._read = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def begin(self, method: str, path: str, headers: dict[str, str]) -> None:
        told = {"Host": self.host} | headers
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n"
        self._socket.sendall(head.encode("latin-1"))

    def send(self, data: bytes, *, in_any_case: bool = False) -> bool:
        """Send, but stop when something is answered meanwhile. Return False when the other side took no more.

        Args:
            in_any_case: go on sending whatever is answered: it may be an interim answer.
        """
        for start in range(0, len(data), PIECE):
            if not in_any_case and select.select([self._socket], [], [], 0)[0]:
                return True
            try:
                self._socket.sendall(data[start : start + PIECE])
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def answer(self, *, bodiless: bool = False) -> Answer:
        """Read the answer, past any interim ones.

        Raises:
            NoAnswer: the connection ended before it was whole.
        """
        deadline, interim = time.monotonic() + SECONDS, list[int]()
        while True:
            status, headers = self._head(deadline)
            if not 100 <= status < 200:
                break
            interim.append(status)
        body = b"" if bodiless or status in (204, 304) else self._body(headers, deadline)
        return Answer(status, headers, body, interim)

    def _head(self, deadline: float) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._read:
            self._more(deadline)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split()
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
            raise NoAnswer(f"the answer begins with {first[:60]!r}")
        fields = (line.partition(":") for line in rest)
        return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in fields}

    def _body(self, headers: dict[str, str], deadline: float) -> bytes:
        wanted = int(headers["content-length"]) if headers.get("content-length", "").isdigit() else None
        while wanted is None or len(self._read) < wanted:
            try:
                self._more(deadline)
            except NoAnswer:
                if wanted is not None:
                    raise
                break
        return self._read

    def _more(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise NoAnswer("no answer in time")
        try:
            more = self._socket.recv(65536)
        except OSError as failure:
            raise NoAnswer(f"the connection broke ({failure.__class__.__name__})") from failure
        if not more:
            raise NoAnswer("the connection was closed")
        self._read += more
