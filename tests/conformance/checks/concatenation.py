"""tus 1.0, extension concatenation."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.conformance.requirement import Skipped, expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import Tus, data, offset_of
from tests.conformance.wire import Answer

from .creation import pair

NEEDS = "creation concatenation"


def partial(tus: Tus, content: bytes, *, send: int | None = None, **headers: str) -> str:
    url = tus.create(len(content), Upload_Concat="partial", **headers)
    if send != 0:
        expect_status(tus.patch(url, 0, content[:send]), 204)
    return url


def final(tus: Tus, *urls: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return tus.post({"Upload-Concat": f"final;{' '.join(urls)}"} | named)


@requirement("tus.concat.partial", "MUST", "Concatenation: Upload-Concat", needs=NEEDS)
def partial_head(tus: Tus) -> None:
    """HEAD of a partial upload carries Upload-Concat: partial"""
    expect_header(tus.head(tus.create(5, Upload_Concat="partial")), "Upload-Concat", "partial")


@requirement("tus.concat.final", "MUST", "Concatenation", needs=NEEDS, each=("absolute", "relative"))
def final_made(tus: Tus, form: str) -> None:
    """A final upload is its partials in order; HEAD carries Upload-Concat as given, and offset and length agree"""
    parts = [data(10), data(7), data(1)]
    urls = [partial(tus, part) for part in parts]
    if form == "relative":
        urls = [urlsplit(url).path for url in urls]
    url = tus.located(final(tus, *urls))
    answer = tus.head(url)
    expect_header(answer, "Upload-Concat", f"final;{' '.join(urls)}")
    expect_header(answer, "Upload-Length", "18")
    expect(offset_of(answer) == 18, f"the offset is {offset_of(answer)}")
    expect(tus.stored(url) in (None, b"".join(parts)), "other bytes came back")


@requirement("tus.concat.patch-final", "MUST", "Concatenation", needs=NEEDS)
def patch_final(tus: Tus) -> None:
    """A PATCH on a final upload: 403, nothing changes"""
    url = tus.located(final(tus, partial(tus, b"hello")))
    expect_status(tus.patch(url, 5, b"x"), 403)
    expect_status(tus.patch(url, 0, b"x"), 403)
    expect_header(tus.head(url), "Upload-Length", "5")


@requirement("tus.concat.twice", "MUST", "Concatenation", needs=NEEDS, each=("in-one", "in-two"))
def partial_twice(tus: Tus, where: str) -> None:
    """A partial upload may be used more than once"""
    first, second = partial(tus, b"hello"), partial(tus, b"world")
    if where == "in-one":
        url, expected = tus.located(final(tus, first, first, second)), b"hellohelloworld"
    else:
        tus.located(final(tus, first, second))
        url, expected = tus.located(final(tus, second, first)), b"worldhello"
    expect(tus.offset(url) == len(expected), f"the offset is {tus.offset(url)}")
    expect(tus.stored(url) in (None, expected), "other bytes came back")


@requirement("tus.concat.metadata", "MUST", "Concatenation", needs=NEEDS)
def metadata_own(tus: Tus) -> None:
    """Metadata is not taken over from the partials; a final upload has its own"""
    part, own = partial(tus, b"hello", Upload_Metadata=pair("filename", b"part")), pair("filename", b"whole")
    expect(tus.head(tus.located(final(tus, part))).get("Upload-Metadata") is None, "the final upload has the partial's metadata")
    expect_header(tus.head(tus.located(final(tus, part, Upload_Metadata=own))), "Upload-Metadata", own)


@requirement("tus.concat.length", "SHOULD", "Concatenation", needs=NEEDS)
def final_with_length(tus: Tus) -> None:
    """A final upload must not come with Upload-Length: refused, or the wrong length ignored"""
    answer = final(tus, partial(tus, b"hello"), Upload_Length="3")
    if answer.status == 201:
        expect_header(tus.head(tus.located(answer)), "Upload-Length", "5")
    else:
        expect_refused(answer)


@requirement("tus.concat.unfinished", "MUST", "Concatenation (concatenation-unfinished)", needs=NEEDS)
def unfinished_partial(tus: Tus) -> None:
    """Unless concatenation-unfinished is announced, a final upload of unfinished partials is refused"""
    if "concatenation-unfinished" in tus.target.listed("Tus-Extension"):
        raise Skipped("the server announces concatenation-unfinished")
    unfinished = partial(tus, b"hello", send=3)
    expect_refused(final(tus, partial(tus, b"world"), unfinished))
    expect(tus.offset(unfinished) == 3, "the partial was changed")


@requirement("tus.concat.unknown", "SHOULD", "Concatenation", needs=NEEDS)
def unknown_partial(tus: Tus) -> None:
    """A final upload of something unknown is refused"""
    expect_refused(final(tus, partial(tus, b"hello"), tus.unknown()))


@requirement("tus.concat.not-partial", "SHOULD", "Concatenation", needs=NEEDS)
def not_partial(tus: Tus) -> None:
    """A final upload is made of partial uploads only"""
    expect_refused(final(tus, tus.complete(b"hello")))


VALUES = {
    "word": "whole",
    "final-empty": "final;",
    "final-bare": "final",
    "elsewhere": "final;http://192.0.2.1/files/x",
    "upper": "Final;x",
    "many": f"final;{'x ' * 500}",
}


@requirement("tus.concat.invalid", "SHOULD", "Concatenation: Upload-Concat", needs=NEEDS, each=VALUES)
def invalid_value(tus: Tus, value: str) -> None:
    """An Upload-Concat that is neither partial nor final is refused"""
    length = {} if value.startswith("final") else {"Upload-Length": "5"}
    expect_refused(tus.post({"Upload-Concat": value.strip()} | length))


@requirement("tus.concat.max-size", "MUST", "Creation: POST (Tus-Max-Size)", needs=NEEDS)
def partial_too_large(tus: Tus) -> None:
    """A partial upload above Tus-Max-Size: 413"""
    expect_status(tus.post({"Upload-Length": str(tus.max_size() + 1), "Upload-Concat": "partial"}), 413)


@requirement("tus.concat.expect-partial", "MUST", "Core: PATCH", needs=NEEDS)
def partial_resumes(tus: Tus) -> None:
    """A partial upload is an upload like any other: offset, mismatch, resume"""
    content = data(10)
    url = partial(tus, content, send=4)
    expect_status(tus.patch(url, 2, b"x"), 409)
    expect_status(tus.patch(url, 4, content[4:]), 204)
    expect(tus.offset(url) == 10, f"the offset is {tus.offset(url)}")
