"""The tiny server itself: which protocol a request speaks, and answers on the wire."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .draft import LIMIT, Draft
from .tus import OPTIONS, Tus
from .uploads import Refused, Replaced, Upload, Uploads


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SampleServer

    def _serve(self) -> None:
        self.close_connection = True
        uploads = self.server.uploads
        override = "" if "no-override" in uploads.faults else self.headers.get("X-HTTP-Method-Override")
        method = override or self.command
        if method == "OPTIONS":
            return self._send(204, OPTIONS | LIMIT)
        draft = "Upload-Draft-Interop-Version" in self.headers or "Upload-Complete" in self.headers
        problem: dict[str, object] | None = None
        try:
            status, headers = self._get(uploads) if method == "GET" else (Draft if draft else Tus)(self, uploads).answer(method, self.path)
        except Refused as refused:
            status, headers, problem = refused.status, refused.headers, refused.problem
        except (Replaced, ConnectionError, ValueError):
            return None
        return self._send(status, ({} if draft or "unversioned" in uploads.faults else {"Tus-Resumable": "1.0.0"}) | headers, problem)

    do_OPTIONS = do_HEAD = do_POST = do_PATCH = do_DELETE = do_GET = _serve

    def _get(self, uploads: Uploads) -> tuple[int, dict[str, str]]:
        self.content = bytes(uploads.find(self.path).content)
        return 200, {"Content-Type": "application/octet-stream"}

    def _send(self, status: int, headers: dict[str, str], problem: dict[str, object] | None = None) -> None:
        body = json.dumps(problem).encode() if problem else getattr(self, "content", b"")
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if problem:
                self.send_header("Content-Type", "application/problem+json")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)
            self.wfile.flush()
            self._linger()

    def _linger(self) -> None:
        """Read what the client still sends, so that our answer is not lost in a reset."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        while self.connection.recv(65536):
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


class SampleServer(ThreadingHTTPServer):
    """`with SampleServer(fault, …) as server`: `url` is where uploads are created."""

    daemon_threads = True

    def __init__(self, *faults: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.uploads = Uploads(frozenset(faults))
        self.url = f"http://127.0.0.1:{self.server_port}/files/"
        self._handlers: dict[int, Handler] = {}

    def __enter__(self) -> SampleServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.shutdown()
        self.server_close()

    def busy(self, upload: Upload, handler: Handler, told: Callable[[], None] | None) -> None:
        """Remember whose body is on its way; tell of the offset a moment later, if the draft wants to hear."""
        self._handlers[id(upload)] = handler
        if told is not None and int(handler.headers.get("Content-Length") or 0) > 100_000:
            later = threading.Timer(0.5, _quietly, (told,))
            later.daemon = True
            later.start()

    def cut(self, upload: Upload) -> None:
        handler = self._handlers.get(id(upload))
        if handler is not None:
            with contextlib.suppress(OSError):
                handler.connection.shutdown(socket.SHUT_RDWR)


def _quietly(told: Callable[[], None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        told()
