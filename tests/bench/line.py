"""The client every server is measured with: one keep-alive connection on a raw socket, no library in the way."""

from __future__ import annotations

import base64
import os
import select
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

MIB = 2**20
SMALL = 64 * 1024
PIECE = memoryview(os.urandom(MIB))
_METADATA = ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in (("filename", b"bench.bin"), ("filetype", b"application/octet-stream")))


class Refused(Exception):
    """The server answered something else than the measurement needs."""


class Line:
    """One connection to a tus server.

    Args:
        base: address of the collection of uploads, such as http://127.0.0.1:8000/files/.
        authorization: value of that header, sent where uploads are made; "" for none.
    """

    def __init__(self, base: str, *, authorization: str = "") -> None:
        parts = urlsplit(base)
        self.path, self.host = parts.path, parts.netloc
        self.authorization = authorization
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._socket = self._connect()
        self._unread = b""

    def _connect(self) -> socket.socket:
        opened = socket.create_connection(self._address, timeout=120)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def close(self) -> None:
        self._socket.close()

    def create(self, length: int) -> str:
        """Make an upload and return its path."""
        headers = {"Upload-Length": str(length), "Upload-Metadata": _METADATA, "Content-Length": "0"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        status, answer = self.request("POST", self.path, headers)
        if status != 201:
            raise Refused(f"POST: {status} {answer}")
        return urlsplit(answer["location"]).path

    def patch(self, path: str, offset: int, size: int) -> float:
        """Send `size` bytes from `offset` on and return the seconds until they were acknowledged."""
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", "Content-Length": str(size)}
        started = time.perf_counter()
        status, answer = self.request("PATCH", path, headers, body=size)
        if status != 204 or int(answer["upload-offset"]) != offset + size:
            raise Refused(f"PATCH at {offset}: {status} {answer}")
        return time.perf_counter() - started

    def send(self, path: str, length: int, *, part: int) -> list[float]:
        """Send a whole file in parts; return the seconds each took."""
        return [self.patch(path, offset, min(part, length - offset)) for offset in range(0, length, part)]

    def head(self, path: str) -> float:
        started = time.perf_counter()
        status, answer = self.request("HEAD", path, {})
        if status not in (200, 204) or "upload-offset" not in answer:
            raise Refused(f"HEAD: {status} {answer}")
        return time.perf_counter() - started

    def stall(self, path: str, *, length: int, sent: int) -> None:
        """Begin a PATCH of `length` bytes and fall silent after `sent` of them."""
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Content-Length": str(length)}
        self._socket.sendall(self._request_head("PATCH", path, headers) + bytes(PIECE[:sent]))

    def is_silent(self) -> bool:
        """True while the connection is open and nothing was answered on it."""
        poll = select.poll()  # select itself knows no descriptor above 1023
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def request(self, method: str, path: str, headers: Mapping[str, str], *, body: int = 0) -> tuple[int, dict[str, str]]:
        head = self._request_head(method, path, headers)
        if body <= SMALL:
            self._socket.sendall(head + bytes(PIECE[:body]))  # a small file goes with its headers
        else:
            self._socket.sendall(head)
            for offset in range(0, body, MIB):
                self._socket.sendall(PIECE[: min(MIB, body - offset)])
        return self._answer(bodyless=method == "HEAD")

    def _request_head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", "Tus-Resumable: 1.0.0", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _answer(self, *, bodyless: bool) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if not bodyless and status != 204:
            self._skip_body(headers)
        if headers.get("connection", "").lower() == "close":
            self._socket.close()
            self._socket, self._unread = self._connect(), b""
        return status, headers

    def _skip_body(self, headers: Mapping[str, str]) -> None:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while not self._unread.endswith(b"0\r\n\r\n"):
                self._receive()
            self._unread = b""
            return
        length = int(headers.get("content-length", "0"))
        while len(self._unread) < length:
            self._receive()
        self._unread = self._unread[length:]

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Refused("The server closed the connection without an answer.")
        self._unread += data
