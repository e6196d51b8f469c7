"""What the tiny server remembers, and how a body gets into it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass
class Upload:
    length: int | None = None
    metadata: str = ""
    concat: str = ""
    complete: bool = False
    digest: str = ""
    content: bytearray = field(default_factory=bytearray)
    epoch: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def offset(self) -> int:
        return len(self.content)


class Refused(Exception):
    def __init__(self, status: int, headers: dict[str, str] | None = None, problem: dict[str, object] | None = None) -> None:
        super().__init__(status)
        self.status, self.headers, self.problem = status, headers or {}, problem


class Replaced(Exception):
    """A newer request took over."""


class Uploads:
    """`faults`: names of what is to be done wrong."""

    def __init__(self, faults: frozenset[str]) -> None:
        self.faults = faults
        self.all: dict[str, Upload] = {}
        self._numbers = itertools.count(1)

    def add(self, upload: Upload) -> str:
        name = f"upload-{next(self._numbers):06d}"
        self.all[name] = upload
        return f"/files/{name}"

    def find(self, path: str) -> Upload:
        upload = self.all.get(path.removeprefix("/files/"))
        if upload is None:
            raise Refused(404, {"Upload-Offset": "0"} if "unknown-with-offset" in self.faults else {})
        return upload

    def fence(self, upload: Upload) -> int:
        with upload.lock:
            upload.epoch += 1
            return upload.epoch

    def receive(self, handler: BaseHTTPRequestHandler, upload: Upload, *, whole: bool) -> bytes:
        """Append the body piece by piece, or return it (`whole`) for a check before any of it counts.

        Raises:
            Refused: more than the length. Replaced: somebody else writes now. ConnectionError: the line broke.
        """
        before = upload.offset
        try:
            return self._receive(handler, upload, whole=whole)
        except (Replaced, ConnectionError):
            if "offset-back" in self.faults:
                del upload.content[before // 2 :]
            raise

    def _receive(self, handler: BaseHTTPRequestHandler, upload: Upload, *, whole: bool) -> bytes:
        epoch, kept = self.fence(upload), bytearray()
        for piece in pieces(handler):
            with upload.lock:
                if upload.epoch != epoch and "no-fence" not in self.faults:
                    raise Replaced
                if upload.length is not None and upload.offset + len(kept) + len(piece) > upload.length:
                    raise Refused(413)
                (kept if whole else upload.content).extend(piece)
        return bytes(kept)


def pieces(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """Raises: ConnectionError: the body ended early."""
    if handler.headers.get("Transfer-Encoding"):
        while (size := int(handler.rfile.readline().split(b";")[0] or b"0", 16)) > 0:
            piece = handler.rfile.read(size)
            handler.rfile.readline()
            yield piece
        return
    left = int(handler.headers.get("Content-Length") or 0)
    while left:
        piece = handler.rfile.read1(min(left, 65536))  # type: ignore[attr-defined]
        if not piece:
            raise ConnectionResetError
        left -= len(piece)
        yield piece
