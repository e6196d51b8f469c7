"""tus 1.0, extension creation-defer-length."""

from __future__ import annotations

from tests.conformance.requirement import expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import Tus, data

NEEDS = "creation creation-defer-length"


def deferred(tus: Tus) -> str:
    return tus.located(tus.post({"Upload-Defer-Length": "1"}))


@requirement("tus.defer.created", "MUST", "Creation Defer Length", needs=NEEDS)
def defer_created(tus: Tus) -> None:
    """HEAD carries Upload-Defer-Length: 1 and no Upload-Length until it is known"""
    url = deferred(tus)
    for size in (0, 4):
        if size:
            expect_status(tus.patch(url, 0, data(size)), 204)
        answer = tus.head(url)
        expect_header(answer, "Upload-Defer-Length", "1")
        expect(answer.get("Upload-Length") is None, "HEAD tells a length that nobody said")
        expect_header(answer, "Upload-Offset", str(size))


@requirement("tus.defer.value", "MUST", "Creation Defer Length", needs=NEEDS, each={"zero": "0", "two": "2", "word": "true", "empty": ""})
def defer_value(tus: Tus, value: str) -> None:
    """Upload-Defer-Length other than 1: 400"""
    expect_status(tus.post({"Upload-Defer-Length": value}), 400)


@requirement("tus.defer.length-later", "MUST", "Creation Defer Length", needs=NEEDS, each=("first", "last", "empty"))
def defer_length_later(tus: Tus, when: str) -> None:
    """The length is set by Upload-Length in a PATCH: the first, the last, or one without bytes"""
    content = data(10)
    url = deferred(tus)
    length = {"Upload-Length": "10"}
    if when == "first":
        expect_status(tus.patch(url, 0, content[:4], length), 204)
        expect_header(tus.head(url), "Upload-Length", "10")
        expect(tus.head(url).get("Upload-Defer-Length") is None, "Upload-Defer-Length is still there")
        expect_status(tus.patch(url, 4, content[4:]), 204)
    elif when == "last":
        expect_status(tus.patch(url, 0, content[:4]), 204)
        expect_status(tus.patch(url, 4, content[4:], length), 204)
    else:
        expect_status(tus.patch(url, 0, content), 204)
        expect_status(tus.patch(url, 10, b"", length), 204)
    answer = tus.head(url)
    expect_header(answer, "Upload-Length", "10")
    expect_header(answer, "Upload-Offset", "10")
    expect(answer.get("Upload-Defer-Length") is None, "Upload-Defer-Length is still there")
    expect(tus.stored(url) in (None, content), "other bytes came back")


@requirement("tus.defer.length-fixed", "MUST", "Creation Defer Length", needs=NEEDS)
def defer_length_fixed(tus: Tus) -> None:
    """Once set, the length cannot be changed"""
    url = deferred(tus)
    expect_status(tus.patch(url, 0, data(4), {"Upload-Length": "10"}), 204)
    answer = tus.patch(url, 4, data(2), {"Upload-Length": "20"})
    expect(answer.status != 204 or tus.head(url).get("Upload-Length") == "10", "the length was changed")
    expect_header(tus.head(url), "Upload-Length", "10")


@requirement("tus.defer.length-too-small", "MUST", "Creation Defer Length", needs=NEEDS)
def defer_length_too_small(tus: Tus) -> None:
    """A length below what is stored already is refused"""
    url = deferred(tus)
    expect_status(tus.patch(url, 0, data(8)), 204)
    expect_refused(tus.patch(url, 8, b"", {"Upload-Length": "4"}))
    expect_header(tus.head(url), "Upload-Offset", "8")


@requirement(
    "tus.defer.length-invalid",
    "MUST",
    "Core: Upload-Length",
    needs=NEEDS,
    each={"negative": "-1", "word": "abc", "fraction": "1.5", "empty": "", "10-26": str(10**26)},
)
def defer_length_invalid(tus: Tus, value: str) -> None:
    """A length set later must be a non-negative integer as well"""
    url = deferred(tus)
    expect_refused(tus.patch(url, 0, b"hello", {"Upload-Length": value}))
    answer = tus.head(url)
    expect_header(answer, "Upload-Offset", "0")
    expect_header(answer, "Upload-Defer-Length", "1")


@requirement("tus.defer.length-too-large", "MUST", "Creation: POST (Tus-Max-Size)", needs=NEEDS)
def defer_length_too_large(tus: Tus) -> None:
    """A length set later above Tus-Max-Size: 413"""
    url = deferred(tus)
    expect_status(tus.patch(url, 0, b"hello", {"Upload-Length": str(tus.max_size() + 1)}), 413)
    expect_header(tus.head(url), "Upload-Offset", "0")


@requirement("tus.defer.beyond", "MUST", "Core: Upload-Length", needs=NEEDS)
def defer_beyond(tus: Tus) -> None:
    """Bytes beyond a length set in the same request are refused"""
    url = deferred(tus)
    expect_refused(tus.patch(url, 0, data(10), {"Upload-Length": "4"}))
    expect_header(tus.head(url), "Upload-Offset", "0")
