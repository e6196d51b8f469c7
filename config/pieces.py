"""Bodies of requests, handed on as they come from the socket.

gunicorn's own parser (the one in Python, used where no compiled one is installed) copies every byte of a body three times while it holds the
interpreter; of a large upload that is a fifth of the work. Headers, chunked bodies and ends of bodies go its own way.
"""

from __future__ import annotations

from typing import Any

from gunicorn.asgi import protocol  # type: ignore[import-untyped]
from gunicorn.asgi.parser import PythonProtocol  # type: ignore[import-untyped]


class WholePieces(PythonProtocol):  # type: ignore[misc] # gunicorn is untyped
    """The parser of gunicorn, without the copies where a piece is nothing but the middle of a body of known length."""

    __slots__ = ()

    def feed(self, data: bytes) -> None:
        if self._state == "body" and not self._buffer and len(data) < self._body_remaining and self._on_body:
            self._body_remaining -= len(data)
            self._on_body(data)
            return
        super().feed(data)


def hand_on_whole_pieces() -> None:
    """Let connections of this process use it."""
    known: Any = protocol
    known.PythonProtocol = WholePieces
