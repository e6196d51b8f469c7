"""A tiny ASGI client: drives the upload application in this process, with full control over when body bytes come and when the line drops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from uploads.asgi import upload_application
from uploads.models import UploadSession
from uploads.services.create import Created
from uploads.store import store
from uploads.threads import database

OFFSET_TYPE = "application/offset+octet-stream"


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json", self
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Line:
    """One request's line: put chunks in, end or drop it, and read the answer."""

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self.scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b"", "http_version": "1.1"}
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answer = Answer()
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> Line:
        self.task = asyncio.create_task(upload_application(self.scope, self.messages.get, self._send))
        return self

    def send(self, chunk: bytes, *, more: bool = True) -> None:
        self.messages.put_nowait({"type": "http.request", "body": chunk, "more_body": more})

    def drop(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    async def finish(self, *, seconds: float = 15) -> Answer:
        assert self.task is not None
        await asyncio.wait_for(self.task, seconds)
        return self.answer

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            self.answer.body += message.get("body", b"")


Create = Callable[..., Awaitable[Answer]]  # makes an upload by a request


async def request(method: str, path: str, *, body: bytes | Iterable[bytes] = b"", chunked: bool = False, version: str = "1.0.0", **headers: str) -> Answer:
    """Send one whole request. `headers` names are written with underscores for dashes."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    chunks = [body] if isinstance(body, bytes) else list(body)
    if chunked:
        given["Transfer-Encoding"] = "chunked"
    elif any(chunks):
        given.setdefault("Content-Length", str(sum(map(len, chunks))))
    if version:
        given["Tus-Resumable"] = version
    line = Line(method, path, given)
    for chunk in chunks:
        line.send(chunk)
    line.send(b"", more=False)
    return await line.begin().finish()


async def patch(path: str, offset: int, body: bytes | Iterable[bytes], **headers: str) -> Answer:
    chunked = bool(headers.pop("chunked", ""))
    return await request("PATCH", path, body=body, chunked=chunked, Upload_Offset=str(offset), **{"Content_Type": OFFSET_TYPE} | headers)


def patch_line(path: str, offset: int, *, length: int | None = None) -> Line:
    """A PATCH whose body the test sends bit by bit."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE}
    headers |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    return Line("PATCH", path, headers).begin()


async def until(question: Any, *, seconds: float = 60) -> None:
    """Wait for something another task does."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not question():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


async def arrived(session: UploadSession, size: int) -> None:
    """Wait until the request that sends to an upload kept on disk has written so many bytes."""
    await until(lambda: store().size(session.storage_key) == size)


async def writers(count: int) -> None:
    """Wait until so many requests hold the lease of an upload."""
    held = UploadSession.objects.exclude(lease_owner="")
    for _ in range(6000):
        if await database(held.count) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not as many write")


def path_of(created: Created) -> str:
    return f"/files/{created.secret}"


def run(test: Awaitable[None]) -> None:
    async def inner() -> None:
        await test

    asyncio.run(inner())


def row(created: Created) -> UploadSession:
    return UploadSession.objects.get(pk=created.session.pk)


def told(answer: Answer) -> tuple[int, str, str]:
    """Status, offset and completeness, as the IETF draft tells them."""
    return answer.status, answer.headers["upload-offset"], answer.headers["upload-complete"]
