"""What one request says about the bytes it brings."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from resilience.errors import AppError


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc32:
    """CRC-32 with the face of hashlib; its value is four bytes, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


# Names in lower case. sha1 is there because tus 1.0 demands it: it finds damage on the way, it proves nothing.
ALGORITHMS: dict[str, Callable[[], Digest]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "crc32": Crc32,
}


@dataclass(slots=True)
class Claim:
    """A digest the client says this body has, and the error to answer with when it has another."""

    algorithm: str
    expected: bytes
    error: type[AppError]
    running: Digest = field(init=False)

    def __post_init__(self) -> None:
        self.running = ALGORITHMS[self.algorithm]()


@dataclass(slots=True)
class Proof:
    """Everything a body must match before a byte of it may be made durable."""

    claims: list[Claim]

    def update(self, data: bytes) -> None:
        for claim in self.claims:
            claim.running.update(data)

    def failure(self) -> AppError | None:
        """Return why what came so far is not what was announced, or None when it is."""
        for claim in self.claims:
            if claim.running.digest() != claim.expected:
                return claim.error(algorithm=claim.algorithm)
        return None


@dataclass(frozen=True, slots=True)
class Part:
    """One request's body, apart from where it starts.

    Args:
        length: of the whole file in bytes, as this request says; None when it says nothing.
        ends: True when the file ends with this body, however long it turns out; False when more follows, even once the announced
            length is reached; None when the length alone says (tus).
        proof: what the body must match; None when nothing was announced.
        whole: what all bytes of the file must match, compared before the last of them is committed where that needs no long reading;
            the inspection of the file compares it in any case.
        overflow_ends: more bytes than announced end the upload for good (IETF draft), instead of being refused alone.
    """

    length: int | None = None
    ends: bool | None = None
    proof: Proof | None = None
    whole: Proof | None = None
    overflow_ends: bool = False
