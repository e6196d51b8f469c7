"""The HTTP server: one thread for each connection, connections stay open, and can be reset where a fault wants it."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .control import PREFIX, control
from .errors import ConnectionReset
from .handling import Answer, Request, answer
from .service import Emulator

BODY_LIMIT = 4 * 2**20  # bytes; job settings are some kilobytes
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends RST


class Handler(BaseHTTPRequestHandler):
    """One connection. `server.emulator` answers."""

    protocol_version = "HTTP/1.1"
    server_version = "mediaconvert-emulator"
    timeout = 120  # seconds a kept connection may be silent
    server: Server

    def handle_any(self) -> None:
        try:
            request = self._request()
            found = self._too_much() if request is None else self._answer(request)
        except ConnectionReset:
            self._reset()
            return
        self._send(found)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def _request(self) -> Request | None:
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > BODY_LIMIT:
            return None
        body = self.rfile.read(int(length))
        return Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)

    def _too_much(self) -> Answer:
        self.close_connection = True
        return Answer(413, {"message": f"a body needs a Content-Length of at most {BODY_LIMIT}"})

    def _answer(self, request: Request) -> Answer:
        emulator = self.server.emulator
        return control(emulator, request) if request.target.startswith(PREFIX) else answer(emulator, request)

    def _send(self, found: Answer) -> None:
        body = found.body
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]  # headers and body in one packet
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client went away; what was done is done
            self.flush_headers()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.server.hang_up(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the journal has it."""


class Server(ThreadingHTTPServer):
    """Listens on the options' host and port (0: any free one)."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        super().__init__((emulator.options.host, emulator.options.port), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def hang_up(self, connection: socket.socket) -> None:
        """Close a connection at once, without the goodbye that would make a reset a proper end."""
        connection.close()

    def shutdown_request(self, request: Any) -> None:
        if isinstance(request, socket.socket) and request.fileno() == -1:
            return  # it was reset
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
