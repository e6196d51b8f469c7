"""tus 1.0 core: PATCH, one whole request at a time."""

from __future__ import annotations

from tests.conformance.requirement import Skipped, expect, expect_refused, expect_status, requirement
from tests.conformance.speaker import Tus, data, offset_of
from tests.conformance.wire import Line

NO_NUMBER = {
    "negative": "-1", "word": "abc", "fraction": "1.5", "empty": "", "hex": "0x1", "plus": "+1", "exponent": "1e1", "spaced": "1 0",
    "infinity": "inf", "superscript": "\xb9",
    "underscore": "1_0", "minus-zero": "-0",
}  # fmt: skip
HUGE = {"2-63": str(2**63), "2-64": str(2**64), "10-26": str(10**26), "5000-digits": "9" * 5000}


@requirement("tus.patch.success", "MUST", "Core: PATCH")
def patch_success(tus: Tus) -> None:
    """A good PATCH is answered 204 with the old offset plus the bytes stored"""
    url = tus.create(10)
    for offset, size in ((0, 4), (4, 6)):
        answer = tus.patch(url, offset, data(size))
        expect_status(answer, 204)
        expect(offset_of(answer) == offset + size, f"the offset is {offset_of(answer)} after {offset + size} bytes")


@requirement("tus.patch.media-type", "SHOULD", "Core: PATCH", each={"other": "text/plain", "near": "application/octet-stream", "none": ""})
def patch_media_type(tus: Tus, media_type: str) -> None:
    """Another Content-Type: 415, and nothing is stored"""
    url = tus.create(10)
    answer = tus.patch(url, 0, b"12345", {"Content-Type": media_type}) if media_type else tus.patch(url, 0, b"12345", without="Content-Type")
    expect_status(answer, 415)
    expect(tus.offset(url) == 0, "the bytes were stored")


@requirement("tus.patch.mismatch", "MUST", "Core: PATCH", each={"behind": "2", "ahead": "7"})
def patch_mismatch(tus: Tus, offset: str) -> None:
    """An offset that is not the current one: 409, and nothing is modified"""
    url = tus.create(10)
    tus.patch(url, 0, b"12345")
    expect_status(tus.patch(url, int(offset), b"abc"), 409)
    expect(tus.offset(url) == 5, f"the offset is {tus.offset(url)}")


@requirement("tus.patch.offset-missing", "MUST", "Core: PATCH")
def patch_offset_missing(tus: Tus) -> None:
    """A PATCH without Upload-Offset is refused, and nothing is stored"""
    url = tus.create(10)
    expect_refused(tus.patch(url, 0, b"12345", without="Upload-Offset"))
    expect(tus.offset(url) == 0, "the bytes were stored")


@requirement("tus.patch.offset-invalid", "MUST", "Core: Upload-Offset", each=NO_NUMBER | HUGE)
def patch_offset_invalid(tus: Tus, value: str) -> None:
    """Upload-Offset must be a non-negative integer: anything else is refused, and nothing is stored"""
    url = tus.create(10)
    answer = tus.patch(url, 0, b"12345", {"Upload-Offset": value})
    expect_status(answer, 400, 409, *([431] if len(value) > 1000 else []))
    expect(tus.offset(url) == 0, "the bytes were stored")


@requirement("tus.patch.offset-twice", "SHOULD", "robustness: RFC 9110, 5.3")
def patch_offset_twice(tus: Tus) -> None:
    """Two different offsets in one request are refused"""
    url = tus.create(10)
    expect_refused(tus.patch(url, 0, b"12345", {"upload-offset": "5"}))
    expect(tus.offset(url) == 0, "the bytes were stored")


@requirement("tus.patch.unknown", "SHOULD", "Core: PATCH")
def patch_unknown(tus: Tus) -> None:
    """A PATCH to an unknown upload: 404"""
    expect_status(tus.patch(tus.unknown(), 0, b"12345"), 403, 404, 410)


@requirement("tus.patch.beyond", "MUST", "Core: Upload-Length", each=("sized", "chunked"))
def patch_beyond(tus: Tus, how: str) -> None:
    """More bytes than announced are refused; what was stored before stays"""
    url, start = tus.create(10), b"12345"
    tus.patch(url, 0, start)
    body = b"abcdefghij"
    expect_refused(tus.patch(url, 5, body if how == "sized" else [body[:3], body[3:]]))
    offset = tus.offset(url)
    expect(5 <= offset <= 10, f"the offset is {offset} of 10")
    if how == "sized":
        expect(offset == 5, f"the offset is {offset}: a part of the refused bytes was stored")


@requirement("tus.patch.beyond-status", "MAY", "RFC 9110: section 15.5.14")
def patch_beyond_status(tus: Tus) -> None:
    """More bytes than announced: 413"""
    expect_status(tus.patch(tus.create(10), 0, data(11)), 413)


@requirement("tus.patch.chunked", "MUST", "RFC 9112: section 7.1")
def patch_chunked(tus: Tus) -> None:
    """A chunked body is accepted"""
    url = tus.create(10)
    expect_status(tus.patch(url, 0, [b"123", b"4567", b"890"]), 204)
    expect(tus.offset(url) == 10, f"the offset is {tus.offset(url)}")


@requirement("tus.patch.empty", "MUST", "Core: PATCH", each=("start", "middle", "end"))
def patch_empty(tus: Tus, where: str) -> None:
    """A PATCH without bytes at the right offset: 204, the same offset"""
    url, offset = tus.create(10), {"start": 0, "middle": 5, "end": 10}[where]
    if offset:
        tus.patch(url, 0, data(offset))
    answer = tus.patch(url, offset, b"")
    expect_status(answer, 204)
    expect(offset_of(answer) == offset, f"the offset is {offset_of(answer)}")


@requirement("tus.patch.repeated-last", "MUST", "Core: PATCH")
def patch_repeated_last(tus: Tus) -> None:
    """The last PATCH again, its answer having been lost: 409 or the same 204; nothing changes"""
    content = data(10)
    url = tus.complete(content)
    answer = tus.patch(url, 0, content)
    expect_status(answer, 204, 409)
    expect(offset_of(tus.head(url)) == 10, "the offset changed")
    expect(tus.stored(url) in (None, content), "the bytes changed")


@requirement("tus.patch.complete", "MUST", "Core: PATCH")
def patch_complete(tus: Tus) -> None:
    """More bytes for a complete upload are refused; nothing changes"""
    content = data(10)
    url = tus.complete(content)
    expect_refused(tus.patch(url, 10, b"x"))
    expect(tus.offset(url) == 10, "the offset changed")
    expect(tus.stored(url) in (None, content), "the bytes changed")


@requirement("tus.patch.media-type-parameter", "MAY", "RFC 9110: section 8.3.1")
def patch_media_type_case(tus: Tus) -> None:
    """A media type is the same in any case of its letters"""
    expect_status(tus.patch(tus.create(5), 0, b"hello", {"Content-Type": "Application/Offset+Octet-Stream"}), 204)


@requirement("tus.patch.expect", "SHOULD", "RFC 9110: section 10.1.1")
def patch_expect(tus: Tus) -> None:
    """Expect: 100-continue is answered 100 before the body comes"""
    with tus.begin_patch(tus.create(5), 0, length=5, headers={"Expect": "100-continue"}) as line:
        first = line.one_answer()
        expect_status(first, 100)
        line.send(b"hello")
        expect_status(line.answer(), 204)


@requirement("tus.patch.expect-refused", "MAY", "RFC 9110: section 10.1.1")
def patch_expect_refused(tus: Tus) -> None:
    """Expect: 100-continue with a wrong offset is refused without asking for the body"""
    with tus.begin_patch(tus.create(50), 9, length=5, headers={"Expect": "100-continue"}) as line:
        expect_status(line.one_answer(), 409)


@requirement("tus.patch.early-answer", "SHOULD", "RFC 9112: section 9.6")
def patch_early_answer(tus: Tus) -> None:
    """A refusal reaches a client that is still sending"""
    size = 4 * 2**20
    with Line(tus.create(size + 10)) as line:
        line.begin("PATCH", tus.headers(tus.patch_headers(1) | {"Content-Length": str(size)}))
        try:
            for _ in range(16):
                line.send(bytes(size // 16))
        except ConnectionError as gone:
            raise Skipped("the server closed while we sent; its answer may be lost") from gone
        expect_status(line.answer(), 409)
