"""A MediaConvert that answers what a test tells it to, over a real connection: for what happens below HTTP, and for answers nobody else gives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = 0  # reads the request and closes the line


class Answers:
    """What to say to the next requests, the last one for ever: (status, code) or (status, body). `asked` are method and path of each."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.asked: list[str] = []
        self.url = ""

    def next(self, request: str) -> tuple[int, Any]:
        with self._lock:
            self.asked.append(request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def answering(*answers: tuple[int, Any]) -> Iterator[Answers]:
    told = Answers(*answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = told.next(f"{self.command} {self.path}")
            self.close_connection = True
            if status == CUT:
                return
            body = json.dumps({"message": f"{said} was said"} if isinstance(said, str) else said).encode()
            self.send_response(status)
            if isinstance(said, str):
                self.send_header("x-amzn-errortype", said)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PUT = answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
