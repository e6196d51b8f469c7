"""tus 1.0, extension checksum."""

from __future__ import annotations

import base64
import hashlib
import zlib

from tests.conformance.requirement import Skipped, expect, expect_refused, expect_status, requirement
from tests.conformance.speaker import Tus, data

DIGESTS = {name: name for name in ("sha1", "sha256", "sha512", "md5", "crc32")}


def checksum(name: str, content: bytes) -> dict[str, str]:
    digest = zlib.crc32(content).to_bytes(4, "big") if name == "crc32" else hashlib.new(name, content).digest()
    return {"Upload-Checksum": f"{name} {base64.b64encode(digest).decode()}"}


def require_announced(tus: Tus, name: str) -> None:
    if name not in tus.target.listed("Tus-Checksum-Algorithm"):
        raise Skipped(f"{name} is not announced")


@requirement("tus.checksum.algorithms", "MUST", "Checksum: Tus-Checksum-Algorithm", needs="checksum")
def algorithms(tus: Tus) -> None:
    """OPTIONS lists the algorithms, sha1 among them, none in upper case"""
    listed = tus.target.listed("Tus-Checksum-Algorithm")
    expect("sha1" in listed, f"Tus-Checksum-Algorithm is {listed}")
    expect(all(name == name.lower() for name in listed), f"a name is in upper case: {listed}")


@requirement("tus.checksum.right", "MUST", "Checksum", needs="checksum", each=DIGESTS)
def right(tus: Tus, name: str) -> None:
    """A chunk with the right checksum is stored"""
    require_announced(tus, name)
    content, url = data(10), tus.create(10)
    expect_status(tus.patch(url, 0, content[:4], checksum(name, content[:4])), 204)
    expect_status(tus.patch(url, 4, content[4:], checksum(name, content[4:])), 204)
    expect(tus.stored(url) in (None, content), "other bytes came back")


@requirement("tus.checksum.mismatch", "MUST", "Checksum", needs="checksum", each=DIGESTS)
def mismatch(tus: Tus, name: str) -> None:
    """A wrong checksum: 460, the chunk is discarded, the offset unchanged"""
    require_announced(tus, name)
    content, url = data(10), tus.create(10)
    tus.patch(url, 0, content[:4])
    expect_status(tus.patch(url, 4, bytes(6), checksum(name, b"another")), 460)
    expect(tus.offset(url) == 4, f"the offset is {tus.offset(url)}")
    expect_status(tus.patch(url, 4, content[4:], checksum(name, content[4:])), 204)
    expect(tus.stored(url) in (None, content), "the discarded bytes are in the file")


@requirement("tus.checksum.mismatch-large", "MUST", "Checksum", needs="checksum")
def mismatch_large(tus: Tus) -> None:
    """A wrong checksum over many megabytes discards all of them"""
    size = 20 * 2**20
    url = tus.create(size)
    expect_status(tus.patch(url, 0, bytes(size), checksum("sha1", b"another")), 460)
    expect(tus.offset(url) == 0, f"the offset is {tus.offset(url)}")


@requirement("tus.checksum.chunked", "MUST", "Checksum", needs="checksum")
def mismatch_chunked(tus: Tus) -> None:
    """A wrong checksum of a chunked body: 460 and the offset unchanged"""
    url = tus.create(10)
    expect_status(tus.patch(url, 0, [b"12345", b"67890"], checksum("sha1", b"another")), 460)
    expect(tus.offset(url) == 0, f"the offset is {tus.offset(url)}")


@requirement("tus.checksum.unknown", "MUST", "Checksum", needs="checksum", each={"made-up": "sha7", "listed-nowhere": "whirlpool"})
def unknown(tus: Tus, name: str) -> None:
    """An unknown algorithm: 400, the offset unchanged"""
    url = tus.create(10)
    expect_status(tus.patch(url, 0, b"12345", {"Upload-Checksum": f"{name} {base64.b64encode(b'x' * 20).decode()}"}), 400)
    expect(tus.offset(url) == 0, "the bytes were stored")


MALFORMED = {"no-value": "sha1", "no-base64": "sha1 ???", "short": "sha1 YQ==", "empty": "", "value-only": "Kq5sNclPz7QV2+lfQIuc6R7oRu0="}


@requirement("tus.checksum.malformed", "SHOULD", "Checksum", needs="checksum", each=MALFORMED)
def malformed(tus: Tus, value: str) -> None:
    """A header that is no checksum is refused, the offset unchanged"""
    url = tus.create(10)
    expect_status(tus.patch(url, 0, b"12345", {"Upload-Checksum": value}), 400, 460)
    expect(tus.offset(url) == 0, "the bytes were stored")


@requirement("tus.checksum.dropped", "MUST", "Checksum", needs="checksum")
def dropped(tus: Tus) -> None:
    """A chunk with a checksum that is cut short is not stored: it cannot be verified"""
    content, url = data(64_000), tus.create(64_000)
    with tus.begin_patch(url, 0, length=len(content), headers=checksum("sha1", content)) as line:
        line.send(content[:32_000])
    expect(tus.offset(url) == 0, "unverified bytes count")
    expect_status(tus.patch(url, 0, content, checksum("sha1", content)), 204)


@requirement("tus.checksum.creation", "SHOULD", "Creation With Upload (the rules of PATCH apply)", needs="checksum creation-with-upload")
def at_creation(tus: Tus) -> None:
    """A wrong checksum at creation keeps the bytes out"""
    answer = tus.post({"Upload-Length": "10"} | checksum("sha1", b"another"), b"12345")
    if answer.status == 201:
        expect(tus.offset(tus.located(answer)) == 0, "the bytes were stored")
    else:
        expect_refused(answer)
