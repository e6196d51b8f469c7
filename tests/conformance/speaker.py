"""Who speaks to the server under test: tus, and the IETF draft in one of its interop versions."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urljoin

from .requirement import Failed, Skipped, expect, expect_status
from .wire import Answer, Line, request

OFFSET_TYPE = "application/offset+octet-stream"
PARTIAL_TYPE = "application/partial-upload"


@dataclass
class Target:
    """The server under test.

    Args:
        url: where uploads are created.
        authorization: value of the Authorization header sent with every request, "" for none.
        patience: seconds to wait for things that take their time by design (a read timeout, an expiry).
    """

    url: str
    authorization: str = ""
    patience: float = 40.0

    @cached_property
    def capabilities(self) -> Answer:
        return request("OPTIONS", self.url, self.headers())

    def headers(self, **more: str) -> dict[str, str]:
        return ({"Authorization": self.authorization} if self.authorization else {}) | more

    def listed(self, name: str) -> list[str]:
        return [part.strip() for part in (self.capabilities.get(name) or "").split(",") if part.strip()]


def offset_of(answer: Answer) -> int:
    """Raises: Failed: there is no plain number."""
    value = answer.get("Upload-Offset")
    expect(value is not None and value.isdigit(), f"Upload-Offset is {value!r} in the {answer}")
    return int(value or "")


@dataclass
class Speaker(ABC):
    """What both protocols have in common. Uploads it made are ended by `clean`."""

    target: Target
    made: list[str] = field(default_factory=list)

    @abstractmethod
    def base(self) -> dict[str, str]: ...

    def headers(self, given: dict[str, str] | None, *, without: str = "") -> dict[str, str]:
        merged = self.target.headers(**self.base()) | (given or {})
        return {name: value for name, value in merged.items() if name != without}

    def send(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | list[bytes] = b"", *, without: str = "") -> Answer:
        answer = request(method, url, self.headers(headers, without=without), body)
        location = answer.get("Location")
        if answer.status == 201 and location:
            self.made.append(urljoin(url, location))
        return answer

    def located(self, answer: Answer) -> str:
        """Return the new upload's address.

        Raises:
            Failed: it was not made.
        """
        expect_status(answer, 201)
        location = answer.get("Location")
        if not location:
            raise Failed("the 201 has no Location")
        return urljoin(self.target.url, location)

    def head(self, url: str) -> Answer:
        return self.send("HEAD", url)

    def offset(self, url: str) -> int:
        """Raises: Failed: HEAD does not tell."""
        answer = self.head(url)
        expect_status(answer, 200, 204)
        return offset_of(answer)

    def unknown(self) -> str:
        """An address that looks like an upload's and is none."""
        url = self.located(self.make_any())
        folder, _, name = url.rpartition("/")
        return f"{folder}/{name[:-6]}{'AAAAAA' if not name.endswith('AAAAAA') else 'BBBBBB'}"

    @abstractmethod
    def make_any(self) -> Answer: ...

    def stored(self, url: str) -> bytes | None:
        """The bytes of a complete upload; None where the server does not hand them out (it need not)."""
        answer = request("GET", url, self.target.headers())
        return answer.body if answer.status == 200 else None

    def begin_patch(self, url: str, offset: int, *, length: int, headers: dict[str, str] | None = None) -> Line:
        """Open a connection and announce a PATCH of `length` bytes."""
        line = Line(url)
        line.begin("PATCH", self.headers(self.patch_headers(offset) | {"Content-Length": str(length)} | (headers or {})))
        return line

    @abstractmethod
    def patch_headers(self, offset: int) -> dict[str, str]: ...

    def clean(self) -> None:
        """End what was made. A server that cannot is left as it is."""
        for url in self.made:
            with contextlib.suppress(OSError, ValueError):
                request("DELETE", url, self.headers(None))


@dataclass
class Tus(Speaker):
    def base(self) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0"}

    def post(self, headers: dict[str, str], body: bytes = b"", *, without: str = "") -> Answer:
        given = ({"Content-Type": OFFSET_TYPE} if body else {}) | headers
        return self.send("POST", self.target.url, given, body, without=without)

    def make_any(self) -> Answer:
        return self.post({"Upload-Length": "10"})

    def create(self, length: int, **headers: str) -> str:
        """Return the address of a new upload. `headers` are written with underscores for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.located(self.post({"Upload-Length": str(length)} | named))

    def patch_headers(self, offset: int) -> dict[str, str]:
        return {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE}

    def patch(self, url: str, offset: int, body: bytes | list[bytes], headers: dict[str, str] | None = None, *, without: str = "") -> Answer:
        return self.send("PATCH", url, self.patch_headers(offset) | (headers or {}), body, without=without)

    def complete(self, data: bytes, **headers: str) -> str:
        """Return the address of an upload with all its bytes."""
        url = self.create(len(data), **headers)
        answer = self.patch(url, 0, data)
        expect_status(answer, 204)
        return url

    def max_size(self) -> int:
        """Raises: Skipped: there is no limit."""
        value = self.target.capabilities.get("Tus-Max-Size")
        if not value or not value.isdigit():
            raise Skipped("no Tus-Max-Size is announced")
        return int(value)


@dataclass
class Draft(Speaker):
    version: str = "8"

    def base(self) -> dict[str, str]:
        return {"Upload-Draft-Interop-Version": self.version}

    def post(self, headers: dict[str, str], body: bytes | list[bytes] = b"", *, without: str = "") -> Answer:
        return self.send("POST", self.target.url, headers, body, without=without)

    def make_any(self) -> Answer:
        return self.post({"Upload-Complete": "?0"})

    def create(self, length: int | None = None, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {} if length is None else {"Upload-Length": str(length)}
        return self.located(self.post({"Upload-Complete": "?0"} | known | named))

    def patch_headers(self, offset: int) -> dict[str, str]:
        return {"Upload-Offset": str(offset), "Content-Type": PARTIAL_TYPE, "Upload-Complete": "?0"}

    def patch(self, url: str, offset: int, body: bytes | list[bytes], *, complete: bool = False, **options: object) -> Answer:
        headers: dict[str, str] = dict(options.get("headers") or {})  # type: ignore[call-overload]
        mark = {"Upload-Complete": "?1" if complete else "?0"}
        return self.send("PATCH", url, self.patch_headers(offset) | mark | headers, body, without=str(options.get("without") or ""))

    def speaking(self, version: str) -> Draft:
        """The same, in another interop version; uploads it makes are ended with ours."""
        return Draft(self.target, self.made, version)

    def max_size(self) -> int:
        """Raises: Skipped: there is no limit."""
        limit = parse_limits(self.target.capabilities.get("Upload-Limit") or "").get("max-size")
        if limit is None:
            raise Skipped("no max-size is announced")
        return limit


def parse_limits(header: str) -> dict[str, int]:
    """Read an Upload-Limit field (RFC 9651 dictionary of integers).

    Raises:
        Failed: it is malformed.
    """
    limits: dict[str, int] = {}
    for member in filter(None, (part.strip() for part in header.split(","))):
        name, equals, value = member.partition("=")
        expect(equals and value.partition(";")[0].isdigit(), f"Upload-Limit has {member!r}, which is no integer member")
        limits[name] = int(value.partition(";")[0])
    return limits


def data(size: int) -> bytes:
    return os.urandom(size)
