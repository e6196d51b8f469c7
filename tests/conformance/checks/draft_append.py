"""IETF draft: appending, completing, digests, cancelling."""

from __future__ import annotations

import base64
import hashlib
import time
from urllib.parse import urljoin

from tests.conformance.requirement import expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import Draft, data, offset_of

from .draft_creation import BOTH, PROBLEMS, problem


@requirement("ietf.append.part", "MUST", "Upload Append", each=BOTH)
def append_part(draft: Draft, version: str) -> None:
    """An append that does not complete: 2xx with Upload-Complete: ?0"""
    speaker = draft.speaking(version)
    url = speaker.create(10)
    answer = speaker.patch(url, 0, data(4))
    expect(200 <= answer.status < 300, f"answered {answer}")
    expect_header(answer, "Upload-Complete", "?0")
    expect(speaker.offset(url) == 4, f"the offset is {speaker.offset(url)}")


@requirement("ietf.append.complete", "MUST", "Upload Append", each=BOTH)
def append_complete(draft: Draft, version: str) -> None:
    """The append that completes: an answer with Upload-Complete: ?1"""
    speaker, content = draft.speaking(version), data(10)
    url = speaker.create()
    speaker.patch(url, 0, content[:4])
    answer = speaker.patch(url, 4, content[4:], complete=True)
    expect(200 <= answer.status < 300, f"answered {answer}")
    expect_header(answer, "Upload-Complete", "?1")
    expect(speaker.stored(url) in (None, content), "other bytes came back")


@requirement("ietf.append.empty-completes", "MUST", "Upload Append")
def empty_completes(draft: Draft) -> None:
    """An append without bytes and with ?1 completes"""
    url = draft.create()
    draft.patch(url, 0, data(10))
    expect_header(draft.patch(url, 10, b"", complete=True), "Upload-Complete", "?1")
    expect_header(draft.head(url), "Upload-Complete", "?1")


@requirement("ietf.append.all-bytes-not-complete", "MUST", "Upload Append")
def all_bytes_not_complete(draft: Draft) -> None:
    """Without ?1 an upload of unknown length stays open, whatever came"""
    url = draft.create()
    draft.patch(url, 0, data(10))
    expect_header(draft.head(url), "Upload-Complete", "?0")


@requirement("ietf.append.chunked", "MUST", "RFC 9112: section 7.1")
def append_chunked(draft: Draft) -> None:
    """A chunked append is accepted"""
    url = draft.create(10)
    answer = draft.patch(url, 0, [b"123", b"4567890"], complete=True)
    expect(200 <= answer.status < 300, f"answered {answer}")
    expect_header(draft.head(url), "Upload-Complete", "?1")


@requirement("ietf.append.mismatch", "MUST", "Upload Append", each={"behind": "2", "ahead": "7"})
def mismatch(draft: Draft, offset: str) -> None:
    """A wrong offset: 409 with Upload-Complete: ?0 and the right Upload-Offset; nothing is stored"""
    url = draft.create(10)
    draft.patch(url, 0, b"12345")
    answer = draft.patch(url, int(offset), b"abc")
    expect_status(answer, 409)
    expect_header(answer, "Upload-Offset", "5")
    expect_header(answer, "Upload-Complete", "?0")
    expect(draft.offset(url) == 5, f"the offset is {draft.offset(url)}")


@requirement("ietf.append.mismatch-problem", "SHOULD", "Upload Append (problem types)")
def mismatch_problem(draft: Draft) -> None:
    """The 409 is a problem that names both offsets"""
    url = draft.create(10)
    draft.patch(url, 0, b"12345")
    found = problem(draft.patch(url, 2, b"abc"))
    expect(found.get("type") == PROBLEMS + "mismatching-upload-offset", f"the problem is {found.get('type')}")
    offsets = found.get("expected-offset"), found.get("provided-offset")
    expect(offsets == (5, 2), f"expected-offset and provided-offset are {offsets}")


@requirement("ietf.append.media-type", "SHOULD", "Upload Append", each={"other": "text/plain", "tus": "application/offset+octet-stream", "none": ""})
def media_type(draft: Draft, value: str) -> None:
    """Another Content-Type: 415, nothing is stored"""
    url = draft.create(10)
    answer = draft.patch(url, 0, b"12345", headers={"Content-Type": value}) if value else draft.patch(url, 0, b"12345", without="Content-Type")
    expect_status(answer, 415)
    expect(draft.offset(url) == 0, "the bytes were stored")


@requirement("ietf.append.field-missing", "MUST", "Upload Append", each=("Upload-Complete", "Upload-Offset"))
def field_missing(draft: Draft, name: str) -> None:
    """An append without one of its fields is refused, nothing is stored"""
    url = draft.create(10)
    expect_refused(draft.patch(url, 0, b"12345", without=name))
    expect(draft.offset(url) == 0, "the bytes were stored")


@requirement(
    "ietf.append.offset-malformed",
    "MUST",
    "RFC 9651: section 4.2 (a malformed field is ignored whole)",
    each={"word": "abc", "string": '"0"', "decimal": "0.0", "negative": "-1", "huge": str(10**26)},
)
def offset_malformed(draft: Draft, value: str) -> None:
    """A malformed Upload-Offset is none: the append is refused, nothing is stored"""
    url = draft.create(10)
    expect_refused(draft.patch(url, 0, b"12345", headers={"Upload-Offset": value}))
    expect(draft.offset(url) == 0, "the bytes were stored")


@requirement("ietf.append.overflow", "MUST", "Upload Append (offset beyond the length)", each=("sized", "chunked"))
def overflow(draft: Draft, how: str) -> None:
    """More bytes than the length: refused, and the upload cannot be used any more"""
    url = draft.create(10)
    draft.patch(url, 0, b"12345")
    body = b"abcdefghijkl"
    expect_refused(draft.patch(url, 5, body if how == "sized" else [body[:6], body[6:]]))
    answer = draft.head(url)
    expect_status(answer, 400, 403, 404, 410)
    expect(answer.get("Upload-Offset") is None, "the refusal has an Upload-Offset")
    expect_refused(draft.patch(url, 5, b"abcde", complete=True))


@requirement("ietf.append.inconsistent", "MUST", "Upload Length")
def append_inconsistent(draft: Draft) -> None:
    """An append that completes short of the length: 400 with the problem type"""
    url = draft.create(10)
    answer = draft.patch(url, 0, b"12345", complete=True)
    expect_status(answer, 400)
    expect(problem(answer).get("type") == PROBLEMS + "inconsistent-upload-length", f"the problem is {problem(answer).get('type')}")


@requirement("ietf.append.replayed", "MAY", "Upload Append (a completed upload)")
def replayed(draft: Draft) -> None:
    """The final append again, its answer having been lost, gets that answer again; nothing changes"""
    content = data(10)
    url = draft.create()
    first = draft.patch(url, 0, content, complete=True)
    again = draft.patch(url, 0, content, complete=True)
    expect(again.status == first.status, f"answered {again}, and {first} before")
    expect_header(again, "Upload-Complete", "?1")
    expect(offset_of(draft.head(url)) == 10, "the offset changed")
    expect(draft.stored(url) in (None, content), "the bytes changed")


@requirement("ietf.append.after-complete", "MUST", "Upload Append (a completed upload)")
def after_complete(draft: Draft) -> None:
    """More bytes for a completed upload are refused; nothing changes"""
    content = data(10)
    url = draft.create()
    draft.patch(url, 0, content, complete=True)
    expect_refused(draft.patch(url, 10, b"x"))
    expect(draft.stored(url) in (None, content), "the bytes changed")


def digest(content: bytes, name: str = "sha-256") -> str:
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), content).digest()).decode()}:"


@requirement("ietf.digest.content", "SHOULD", "Integrity (Content-Digest)")
def content_digest(draft: Draft) -> None:
    """A wrong Content-Digest: the bytes are not appended; the right one is accepted"""
    url, content = draft.create(10), data(10)
    expect_refused(draft.patch(url, 0, content, headers={"Content-Digest": digest(b"another")}))
    expect(draft.offset(url) == 0, "the bytes were appended")
    answer = draft.patch(url, 0, content, complete=True, headers={"Content-Digest": digest(content)})
    expect(200 <= answer.status < 300, f"the right one was answered {answer}")


@requirement("ietf.digest.unknown", "MAY", "RFC 9530: section 2 (a digest may be ignored)")
def digest_unknown(draft: Draft) -> None:
    """A Content-Digest of an algorithm nobody knows does not stop an append"""
    answer = draft.patch(draft.create(10), 0, data(4), headers={"Content-Digest": "sha-7=:YWJj:"})
    expect(200 <= answer.status < 300, f"answered {answer}")


@requirement("ietf.digest.representation", "SHOULD", "Integrity (Repr-Digest)", each=("right", "wrong"))
def representation_digest(draft: Draft, which: str) -> None:
    """A Repr-Digest given at creation is verified at the end: a wrong one fails the upload, at once or soon after"""
    content = data(10)
    url = draft.create(10, Repr_Digest=digest(content if which == "right" else b"another"))
    draft.patch(url, 0, content[:4])
    answer = draft.patch(url, 4, content[4:], complete=True)
    if which == "right":
        expect_header(answer, "Upload-Complete", "?1")
    elif answer.status < 400:
        expect(is_refused_soon(draft, url), f"the last append was answered {answer}, and the upload stays complete")


def is_refused_soon(draft: Draft, url: str) -> bool:
    """Wait while a server looks at all of a large upload after it has answered."""
    deadline = time.monotonic() + min(10.0, draft.target.patience)
    while draft.head(url).status < 400:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


@requirement("ietf.cancel.gone", "SHOULD", "Upload Cancellation", each=BOTH)
def cancelled(draft: Draft, version: str) -> None:
    """DELETE ends an upload; afterwards it is unknown"""
    speaker = draft.speaking(version)
    url = speaker.create(10)
    speaker.patch(url, 0, data(4))
    answer = speaker.send("DELETE", url)
    expect(200 <= answer.status < 300, f"answered {answer}")
    expect_status(speaker.head(url), 404, 410)
    expect_refused(speaker.patch(url, 4, b"x"))


@requirement("ietf.cancel.complete", "MAY", "Upload Cancellation")
def cancelled_complete(draft: Draft) -> None:
    """DELETE of a completed upload is answered, and never with an error of the server"""
    answer = draft.post({"Upload-Complete": "?1"}, data(10))
    location = answer.get("Location")
    if location:
        expect(draft.send("DELETE", urljoin(draft.target.url, location)).status < 500, "an error of the server")
