"""HTTP/1.1 on a bare socket: everything the wire shows (interim answers, reason phrases) and everything clients do to it (half bodies, resets)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECONDS = 10.0
_NO_BODY = (204, 304)


@dataclass
class Answer:
    """One answer. `interim` holds the 1xx answers that came before it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    interim: list[Answer] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Return a header's value, repeated ones joined by a comma; None when it is not there."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".strip()


class Line:
    """One connection, for one request. `with Line(url) as line`: it is closed at the end, whatever happened."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, f"no host in {url}"
        self.host = parts.netloc
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        plain = socket.create_connection((parts.hostname, port), timeout=seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) if parts.scheme == "https" else plain
        self._seconds = seconds
        self._buffer = b""
        self._method = ""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def begin(self, method: str, headers: Mapping[str, str]) -> None:
        """Send request line and headers as they are; nothing is added but Host."""
        self._method = method
        lines = [f"{method} {self.target} HTTP/1.1", f"Host: {self.host}", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_chunks(self, chunks: Iterable[bytes]) -> None:
        """Send a chunked body and its end."""
        for chunk in chunks:
            if chunk:
                self.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Drop the connection with a RST, as a lost radio link ends."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def hang_up(self) -> None:
        """End the connection politely (FIN), in the middle of whatever is going on."""
        self._socket.close()

    def answer(self) -> Answer:
        """Return the final answer with all interim ones before it."""
        interim: list[Answer] = []
        while 100 <= (found := self.one_answer()).status < 200:
            interim.append(found)
        found.interim = interim
        return found

    def one_answer(self, *, seconds: float | None = None) -> Answer:
        """Return the next answer, interim or final.

        Raises:
            TimeoutError: none came in time.
            ConnectionError: the server hung up first.
        """
        deadline = time.monotonic() + (self._seconds if seconds is None else seconds)
        while b"\r\n\r\n" not in self._buffer:
            self._more(deadline)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        _version, status, reason = [*first.split(" ", 2), "", ""][:3]
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        found = Answer(int(status), reason, headers)
        if found.status >= 200 and found.status not in _NO_BODY and self._method != "HEAD":
            found.body = self._body(found, deadline)
        return found

    def is_closed(self, *, seconds: float) -> bool:
        """Wait for the server to end the connection (whatever it says before); False when it does not in time."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._more(deadline)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def rest(self, *, seconds: float) -> bytes:
        """Return what comes after the answer, until silence or the end of the connection."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            self._more(time.monotonic() + seconds)
        return self._buffer

    def _body(self, answer: Answer, deadline: float) -> bytes:
        if "chunked" in (answer.get("transfer-encoding") or "").lower():
            return self._chunked(deadline)
        length = answer.get("content-length")
        if length is None:
            with contextlib.suppress(ConnectionError):
                while True:
                    self._more(deadline)
            return self._buffer
        return self._take(int(length), deadline)

    def _chunked(self, deadline: float) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._buffer:
                self._more(deadline)
            size, _, self._buffer = self._buffer.partition(b"\r\n")
            chunk = self._take(int(size.split(b";")[0], 16) + 2, deadline)[:-2]
            if not chunk:
                return body
            body += chunk

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._more(deadline)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._socket.settimeout(left)
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection without an answer")
        self._buffer += data


def request(method: str, url: str, headers: Mapping[str, str], body: bytes | list[bytes] = b"", *, seconds: float = SECONDS) -> Answer:
    """Send one whole request on a connection of its own. A list is sent chunked. `Content-Length` is added unless given."""
    with Line(url, seconds=seconds) as line:
        given = dict(headers)
        if isinstance(body, list):
            given["Transfer-Encoding"] = "chunked"
        elif "Content-Length" not in given and (body or method not in ("GET", "HEAD", "OPTIONS", "DELETE")):
            given["Content-Length"] = str(len(body))
        line.begin(method, given)
        with contextlib.suppress(ConnectionError):  # a server may answer and close before it read all; the answer counts
            if isinstance(body, list):
                line.send_chunks(body)
            elif body:
                line.send(body)
        return line.answer()
