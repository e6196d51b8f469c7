"""tus 1.0, extensions creation and creation-with-upload."""

from __future__ import annotations

import base64

from tests.conformance.requirement import expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import OFFSET_TYPE, Tus, data, offset_of
from tests.conformance.wire import Line

from .patch import HUGE, NO_NUMBER


def pair(key: str, value: bytes) -> str:
    return f"{key} {base64.b64encode(value).decode()}"


@requirement("tus.creation.created", "MUST", "Creation: POST", needs="creation")
def created(tus: Tus) -> None:
    """POST makes an upload: 201 with a Location that answers"""
    url = tus.located(tus.post({"Upload-Length": "10"}))
    expect(tus.offset(url) == 0, "a new upload is not at 0")


@requirement("tus.creation.distinct", "MUST", "Creation: POST", needs="creation")
def created_distinct(tus: Tus) -> None:
    """Two creations are two uploads"""
    first, second = tus.create(5), tus.create(5)
    tus.patch(first, 0, b"hello")
    expect(first != second and tus.offset(second) == 0, "both have the same address or bytes")


@requirement("tus.creation.length-missing", "MUST", "Creation: POST", needs="creation")
def length_missing(tus: Tus) -> None:
    """Without Upload-Length and Upload-Defer-Length a creation is refused"""
    expect_refused(tus.post({}))


@requirement("tus.creation.length-and-defer", "MUST", "Creation: POST", needs="creation")
def length_and_defer(tus: Tus) -> None:
    """Upload-Length together with Upload-Defer-Length is refused"""
    expect_refused(tus.post({"Upload-Length": "5", "Upload-Defer-Length": "1"}))


@requirement("tus.creation.length-invalid", "MUST", "Core: Upload-Length", needs="creation", each=NO_NUMBER | HUGE)
def length_invalid(tus: Tus, value: str) -> None:
    """Upload-Length must be a non-negative integer: anything else is refused"""
    expect_status(tus.post({"Upload-Length": value}), 400, *([413, 431] if value.isdigit() else []))


@requirement("tus.creation.too-large", "MUST", "Creation: POST (Tus-Max-Size)", needs="creation")
def too_large(tus: Tus) -> None:
    """More than Tus-Max-Size: 413"""
    expect_status(tus.post({"Upload-Length": str(tus.max_size() + 1)}), 413)


@requirement("tus.creation.zero", "MUST", "Creation: Upload-Length", needs="creation")
def zero_length(tus: Tus) -> None:
    """An upload of no bytes is complete at once"""
    answer = tus.head(tus.create(0))
    expect(offset_of(answer) == 0, "the offset is not 0")
    expect_header(answer, "Upload-Length", "0")


METADATA = {
    "one": pair("filename", b"film.mp4"), "two": f"{pair('filename', b'film.mp4')},{pair('filetype', b'video/mp4')}", "no-value": "is_confidential",
    "no-value-and-more": f"{pair('filename', b'a')},is_confidential", "utf-8": pair("filename", "Größe 映画.mp4".encode()),
    "punctuation": pair("x-a.b_c!", b"1"),
    "constructor": pair("constructor", b"1"), "proto": pair("__proto__", b"1"),  # names that some languages give a meaning of their own
    "long": pair("filename", b"n" * 700), "binary": pair("thing", bytes(range(256))),
}  # fmt: skip


@requirement("tus.metadata.returned", "MUST", "Creation: Upload-Metadata", needs="creation", each=METADATA)
def metadata_returned(tus: Tus, metadata: str) -> None:
    """HEAD returns Upload-Metadata as it was given at creation"""
    expect_header(tus.head(tus.create(5, Upload_Metadata=metadata)), "Upload-Metadata", metadata)


@requirement("tus.metadata.empty-value-with-space", "MUST", "Creation: Upload-Metadata", needs="creation")
def metadata_empty_value(tus: Tus) -> None:
    """An empty value with the space left in is accepted and kept"""
    answer = tus.head(tus.create(5, Upload_Metadata=f"flag ,{pair('filename', b'a')}"))
    parts = [part.strip() for part in (answer.get("Upload-Metadata") or "").split(",")]
    expect(parts == ["flag", pair("filename", b"a")], f"Upload-Metadata is {answer.get('Upload-Metadata')!r}")


# An empty key can only be written behind a comma: HTTP strips the space at the start of a field's value.
BAD_METADATA = {
    "empty-key": f"{pair('filename', b'a')}, {base64.b64encode(b'x').decode()}", "empty-element": f"{pair('filename', b'a')},,{pair('b', b'b')}",
    "empty-key-alone": ",", "empty-key-first": f",{pair('a', b'1')}", "empty-key-last": f"{pair('a', b'1')},", "empty-key-bare": f"{pair('a', b'1')}, ,b",
    "key-twice": f"{pair('a', b'1')},{pair('a', b'2')}", "not-base64": "filename ???", "bad-padding": "filename YQ", "space-in-key": "file name YQ==",
}  # fmt: skip


@requirement("tus.metadata.invalid", "MUST", "Creation: Upload-Metadata", needs="creation", each=BAD_METADATA)
def metadata_invalid(tus: Tus, metadata: str) -> None:
    """Keys are unique, not empty and without spaces, values are Base64; anything else is refused"""
    expect_status(tus.post({"Upload-Length": "5", "Upload-Metadata": metadata}), 400)


@requirement("tus.metadata.ascii-keys", "SHOULD", "Creation: Upload-Metadata", needs="creation")
def metadata_ascii(tus: Tus) -> None:
    """Keys are ASCII"""
    expect_status(tus.post({"Upload-Length": "5", "Upload-Metadata": pair("gr\xf6\xdfe", b"1")}), 400)


@requirement("tus.metadata.no-injection", "SHOULD", "Creation: Upload-Metadata", needs="creation")
def metadata_injection(tus: Tus) -> None:
    """Line ends inside a value never become headers"""
    answer = tus.post({"Upload-Length": "5", "Upload-Metadata": pair("filename", b"a\r\nX-Injected: 1\r\n\r\n")})
    expect(answer.get("X-Injected") is None, "a header was injected into the answer")
    if answer.status == 201:
        expect(tus.head(tus.located(answer)).get("X-Injected") is None, "a header was injected into HEAD")


WITH_BODY = "creation creation-with-upload"


@requirement("tus.with-upload.part", "MUST", "Creation With Upload", needs=WITH_BODY)
def with_part(tus: Tus) -> None:
    """A creation with the first bytes stores them and tells Upload-Offset"""
    content = data(10)
    answer = tus.post({"Upload-Length": "10"}, content[:4])
    url = tus.located(answer)
    expect(offset_of(answer) == 4, f"the offset is {offset_of(answer)}")
    expect(tus.offset(url) == 4, "HEAD tells another offset")
    expect_status(tus.patch(url, 4, content[4:]), 204)
    expect(tus.stored(url) in (None, content), "other bytes came back")


@requirement("tus.with-upload.whole", "MUST", "Creation With Upload", needs=WITH_BODY)
def with_whole(tus: Tus) -> None:
    """A creation with all bytes is complete"""
    answer = tus.post({"Upload-Length": "10"}, data(10))
    url = tus.located(answer)
    expect(offset_of(answer) == 10 and tus.offset(url) == 10, "it is not complete")


@requirement("tus.with-upload.media-type", "SHOULD", "Creation With Upload", needs=WITH_BODY)
def with_other_type(tus: Tus) -> None:
    """A body of another Content-Type is not taken for upload data"""
    answer = tus.post({"Upload-Length": "10", "Content-Type": "text/plain"}, data(4))
    if answer.status == 201:
        expect(tus.offset(tus.located(answer)) == 0, "it was stored")
    else:
        expect_status(answer, 415, 400)


@requirement("tus.with-upload.beyond", "MUST", "Creation With Upload", needs=WITH_BODY)
def with_too_much(tus: Tus) -> None:
    """A creation with more bytes than it announces is refused"""
    expect_refused(tus.post({"Upload-Length": "3"}, data(10)))


@requirement("tus.with-upload.expect", "SHOULD", "Creation With Upload", needs=WITH_BODY)
def with_expect(tus: Tus) -> None:
    """Expect: 100-continue is answered 100 before the body comes"""
    with Line(tus.target.url) as line:
        line.begin("POST", tus.headers({"Upload-Length": "5", "Content-Type": OFFSET_TYPE, "Content-Length": "5", "Expect": "100-continue"}))
        expect_status(line.one_answer(), 100)
        line.send(b"hello")
        answer = line.answer()
        tus.made.append(tus.located(answer))
        expect(offset_of(answer) == 5, "the bytes were not stored")


@requirement("tus.with-upload.chunked", "SHOULD", "Creation With Upload", needs=WITH_BODY)
def with_chunked(tus: Tus) -> None:
    """A creation with a chunked body stores it"""
    answer = tus.send("POST", tus.target.url, {"Upload-Length": "10", "Content-Type": OFFSET_TYPE}, [b"123", b"45"])
    tus.located(answer)
    expect(offset_of(answer) == 5, f"the offset is {offset_of(answer)}")
